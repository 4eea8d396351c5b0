#include "service/ops/keys.h"

#include <algorithm>
#include <utility>

#include "service/page_token.h"
#include "service/row.h"

namespace strongroom::service::ops {
namespace {

constexpr uint32_t kMaxPageSize = 500;

using KeyOr = StatusOr<std::shared_ptr<const model::Key>>;

// Changed records which version is primary after a change.
StatusOr<model::Key> Changed(const auth::Permit& permit, Request& request,
                             const KeyOr& key) {
  SR_RETURN_IF_ERROR(key.status());
  request.record.versions = {(*key)->primary};
  return WithSeals(request.rooms.keyring(permit), **key);
}

StatusOr<Target> ResolveCreate(const Resolver& resolver, Request& request,
                               model::CreateKey& command) {
  SR_ASSIGN_OR_RETURN(Target target, NamedKey(resolver, request, command));
  target.new_labels = &command.settings.labels;
  target.creates = true;
  return target;
}

StatusOr<Target> ResolveUpdate(const Resolver& resolver, Request& request,
                               model::UpdateKey& command) {
  SR_ASSIGN_OR_RETURN(Target target, NamedKey(resolver, request, command));
  const auto& labels = command.change.labels;
  if (labels) target.new_labels = &*labels;
  return target;
}

StatusOr<Target> ResolveList(const Resolver& resolver, Request& request,
                             model::ListKeys& command) {
  SR_RETURN_IF_ERROR(NameInPageToken(command.page_token).status());
  return CallerAlone(resolver, request, command);
}

}  // namespace

model::Key WithSeals(const keyring::Keyring& keyring, model::Key key) {
  for (model::Version& version : key.versions) {
    version.seals = keyring.SealsCounted(key.id, version.number);
  }
  return key;
}

StatusOr<model::Key> CreateKey(const auth::Permit& permit, Request& request,
                               const model::CreateKey& command) {
  SR_ASSIGN_OR_RETURN(KeyName name, KeyName::Parse(permit.key_name()));
  return Changed(permit, request,
                 request.rooms.keyring(permit).CreateKey(
                     {std::move(name), command.settings}));
}

StatusOr<model::Key> GetKey(const auth::Permit& permit, Request& request,
                            const model::OfKey&) {
  return WithSeals(request.rooms.keyring(permit), request.key());
}

StatusOr<model::KeyPage> ListKeys(const VisibleKeys& visible, Request& request,
                                  const model::ListKeys& command) {
  SR_ASSIGN_OR_RETURN(const std::string after,
                      NameInPageToken(command.page_token));
  const size_t limit = command.page_size == 0
                           ? kMaxPageSize
                           : std::min(command.page_size, kMaxPageSize);
  model::KeyPage page;
  visible.ForEach(command.prefix, after, [&](const VisibleKeys::Found& found) {
    if (page.keys.size() == limit) {
      page.next_page_token = PageTokenFor(page.keys.back().name);
      return false;
    }
    page.keys.push_back(
        WithSeals(request.rooms.keyring(found.permit), found.key));
    return true;
  });
  request.record.items = static_cast<uint32_t>(page.keys.size());
  return page;
}

StatusOr<model::Key> UpdateKey(const auth::Permit& permit, Request& request,
                               const model::UpdateKey& command) {
  return Changed(
      permit, request,
      request.rooms.keyring(permit).UpdateKey(permit.key_id(), command.change));
}

StatusOr<model::Key> RotateKey(const auth::Permit& permit, Request& request,
                               const model::OfKey&) {
  return Changed(permit, request,
                 request.rooms.keyring(permit).Rotate(permit.key_id()));
}

using auth::Action;

constexpr Operation<model::CreateKey, model::Key> kCreateKey = {
    .spec = {"CreateKey", kKeyAdmin, Action::kCreateKey,
             OperationClass::kAdmin},
    .resolve = ResolveCreate,
    .handle = CreateKey};
constexpr Operation<model::OfKey, model::Key> kGetKey = {
    .spec = {"GetKey", kKeyAdmin, Action::kViewKey, OperationClass::kView},
    .resolve = NamedKey,
    .handle = GetKey};
constexpr Operation<model::ListKeys, model::KeyPage, VisibleKeys> kListKeys = {
    .spec = {"ListKeys", kKeyAdmin, Action::kViewKey, OperationClass::kView},
    .resolve = ResolveList,
    .handle = ListKeys};
constexpr Operation<model::UpdateKey, model::Key> kUpdateKey = {
    .spec = {"UpdateKey", kKeyAdmin, Action::kUpdateKey,
             OperationClass::kAdmin},
    .resolve = ResolveUpdate,
    .handle = UpdateKey};
constexpr Operation<model::OfKey, model::Key> kRotateKey = {
    .spec = {"RotateKey", kKeyAdmin, Action::kRotateKey,
             OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = RotateKey};

constexpr Row kRows[] = {
    MakeRow<kCreateKey, v1::CreateKeyRequest, v1::Key>(),
    MakeRow<kGetKey, v1::GetKeyRequest, v1::Key>(),
    MakeRow<kListKeys, v1::ListKeysRequest, v1::ListKeysResponse>(),
    MakeRow<kUpdateKey, v1::UpdateKeyRequest, v1::Key>(),
    MakeRow<kRotateKey, v1::RotateKeyRequest, v1::Key>()};
std::span<const Row> KeyRows() { return kRows; }

}  // namespace strongroom::service::ops
