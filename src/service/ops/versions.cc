#include "service/ops/versions.h"

#include <utility>

#include "service/ops/keys.h"
#include "service/row.h"

namespace strongroom::service::ops {
namespace {

using auth::Action;
using keyring::VersionMove;

StatusOr<model::MovedVersion> Find(const model::Key& key, uint32_t number) {
  const model::Version* version = key.Find(number);
  if (version != nullptr) {
    return model::MovedVersion{*version, number == key.primary};
  }
  return Error(Reason::kInternal, "the answer about " + key.name + " lacks v" +
                                      std::to_string(number));
}

template <VersionMove kMove>
StatusOr<model::MovedVersion> Move(const auth::Permit& permit, Request& request,
                                   const model::MoveVersion& command) {
  constexpr bool kDestroys = kMove == VersionMove::kScheduleDestroy;
  keyring::Keyring& keyring = request.rooms.keyring(permit);
  request.record.versions = {command.version};
  if (command.acknowledge_unregistered) {
    if (!kDestroys) {
      return Error(Reason::kArgumentInvalid,
                   "only a destruction has unregistered wraps to acknowledge");
    }
    request.record.detail = "unregistered acknowledged";
  }
  SR_ASSIGN_OR_RETURN(const std::shared_ptr<const model::Key> key,
                      keyring.Move(permit.key_id(), command.version, kMove,
                                   command.acknowledge_unregistered));
  SR_ASSIGN_OR_RETURN(model::MovedVersion moved,
                      Find(WithSeals(keyring, *key), command.version));
  if (!kDestroys) return moved;
  SR_ASSIGN_OR_RETURN(const auto traces, keyring.TracesOf(permit.key_id()));
  for (const model::Traces& one : traces) {
    if (one.version == command.version) moved.version.traces = one;
  }
  return moved;
}

}  // namespace

constexpr Moving kEnableVersion = {
    .spec = {"EnableVersion", kKeyAdmin, Action::kEnableVersion,
             OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = Move<VersionMove::kEnable>};
constexpr Moving kDisableVersion = {
    .spec = {"DisableVersion", kKeyAdmin, Action::kDisableVersion,
             OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = Move<VersionMove::kDisable>};
constexpr Moving kScheduleDestroyVersion = {
    .spec = {"ScheduleDestroyVersion", kKeyAdmin, Action::kDestroyVersion,
             OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = Move<VersionMove::kScheduleDestroy>};
constexpr Moving kCancelDestroyVersion = {
    .spec = {"CancelDestroyVersion", kKeyAdmin, Action::kDestroyVersion,
             OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = Move<VersionMove::kCancelDestroy>};

constexpr Row kRows[] = {
    MakeRow<kEnableVersion, v1::EnableVersionRequest, v1::KeyVersion>(),
    MakeRow<kDisableVersion, v1::DisableVersionRequest, v1::KeyVersion>(),
    MakeRow<kScheduleDestroyVersion, v1::ScheduleDestroyVersionRequest,
            v1::KeyVersion>(),
    MakeRow<kCancelDestroyVersion, v1::CancelDestroyVersionRequest,
            v1::KeyVersion>()};
std::span<const Row> VersionRows() { return kRows; }

}  // namespace strongroom::service::ops
