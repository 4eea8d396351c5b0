#include "service/ops/deks.h"

#include <algorithm>
#include <utility>

#include "service/adapt.h"
#include "service/page_token.h"
#include "service/row.h"

namespace strongroom::service::ops {
namespace {

constexpr uint32_t kDefaultDeks = 500;
constexpr uint32_t kMaxDeks = 1000;

using auth::Action;

StatusOr<model::DekPage> ListDeks(const auth::Permit& permit, Request& request,
                                  const model::ListDeks& command) {
  SR_ASSIGN_OR_RETURN(std::optional<model::DekId> after,
                      DekInPageToken(command.page_token));
  const size_t limit = command.page_size == 0
                           ? kDefaultDeks
                           : std::min(command.page_size, kMaxDeks);
  SR_ASSIGN_OR_RETURN(registry::DekPage found,
                      request.rooms.registry(permit).List(
                          permit.key_id(),
                          {command.key_version, command.labels}, after, limit));
  request.record.items = static_cast<uint32_t>(found.deks.size());
  model::DekPage page;
  for (const registry::DekInfo& dek : found.deks) {
    page.deks.push_back(AsModel(dek));
  }
  if (found.next_after) page.next_page_token = PageTokenFor(*found.next_after);
  return page;
}

StatusOr<model::Dek> GetDek(const auth::Permit& permit, Request& request,
                            const model::OfDek& command) {
  request.record.detail = command.dek_id;
  SR_ASSIGN_OR_RETURN(model::DekId id, model::DekId::Parse(command.dek_id));
  SR_ASSIGN_OR_RETURN(
      registry::DekInfo dek,
      request.rooms.registry(permit).Describe(permit.key_id(), id));
  return AsModel(dek);
}

StatusOr<model::Nothing> DeleteDek(const auth::Permit& permit, Request& request,
                                   const model::OfDek& command) {
  request.record.detail = command.dek_id;
  SR_ASSIGN_OR_RETURN(model::DekId id, model::DekId::Parse(command.dek_id));
  SR_RETURN_IF_ERROR(
      request.rooms.registry(permit).Delete(permit.key_id(), id));
  return model::Nothing();
}

StatusOr<model::Nothing> ShredDek(const auth::Permit& permit, Request& request,
                                  const model::OfDek& command) {
  request.record.detail = command.dek_id;
  SR_ASSIGN_OR_RETURN(model::DekId id, model::DekId::Parse(command.dek_id));
  SR_RETURN_IF_ERROR(request.rooms.registry(permit).Shred(permit.key_id(), id));
  return model::Nothing();
}

}  // namespace

constexpr Operation<model::ListDeks, model::DekPage> kListDeks = {
    .spec = {"ListDeks", kKeyAdmin, Action::kViewDeks, OperationClass::kView},
    .resolve = NamedKey,
    .handle = ListDeks};
constexpr Operation<model::OfDek, model::Dek> kGetDek = {
    .spec = {"GetDek", kKeyAdmin, Action::kViewDeks, OperationClass::kView},
    .resolve = NamedKey,
    .handle = GetDek};
constexpr Operation<model::OfDek, model::Nothing> kDeleteDek = {
    .spec = {"DeleteDek", kKeyAdmin, Action::kDeleteDek,
             OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = DeleteDek};
constexpr Operation<model::OfDek, model::Nothing> kShredDek = {
    .spec = {"ShredDek", kKeyAdmin, Action::kShredDek, OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = ShredDek};

constexpr Row kRows[] = {
    MakeRow<kListDeks, v1::ListDeksRequest, v1::ListDeksResponse>(),
    MakeRow<kGetDek, v1::GetDekRequest, v1::Dek>(),
    MakeRow<kDeleteDek, v1::DeleteDekRequest, v1::DeleteDekResponse>(),
    MakeRow<kShredDek, v1::ShredDekRequest, v1::ShredDekResponse>()};
std::span<const Row> DekRows() { return kRows; }

}  // namespace strongroom::service::ops
