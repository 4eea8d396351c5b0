// Keys, their versions, and what an operator asks of the service.
#include <algorithm>
#include <utility>

#include "service/key_service_impl.h"
#include "service/page_token.h"

namespace strongroom::service {
namespace {

constexpr uint32_t kMaxPageSize = 500;

using keyring::VersionMove;

struct MoveRow {
  Operation operation;
  VersionMove move;
};
constexpr MoveRow kMoves[] = {
    {Operation::kDisableVersion, VersionMove::kDisable},
    {Operation::kEnableVersion, VersionMove::kEnable},
    {Operation::kScheduleDestroyVersion, VersionMove::kScheduleDestroy},
    {Operation::kCancelDestroyVersion, VersionMove::kCancelDestroy},
};

// The row of another operation is refused by CheckCalledAs, as any would be.
const MoveRow& MoveRowOf(Operation operation) {
  for (const MoveRow& row : kMoves) {
    if (row.operation == operation) return row;
  }
  return kMoves[0];
}

}  // namespace

KeyView KeyServiceImpl::ViewOf(std::shared_ptr<const keyring::Key> key) const {
  KeyView view;
  for (const keyring::Version& version : key->versions) {
    view.seals.push_back(parts_.keyring.SealsCounted(key->id, version.number));
  }
  view.key = std::move(key);
  return view;
}

StatusOr<KeyView> KeyServiceImpl::Changed(
    Request& request, StatusOr<std::shared_ptr<const keyring::Key>> key) const {
  if (!key.ok()) return key.status();
  request.record.versions = {(*key)->primary};
  return ViewOf(*std::move(key));
}

StatusOr<KeyView> KeyServiceImpl::CreateKey(Call call, const std::string& name,
                                            const KeySettings& settings) {
  return pipeline_.RunNow<KeyView>(
      std::move(call), AboutKey(Operation::kCreateKey, name, &settings.labels),
      [&](Request& request) -> StatusOr<KeyView> {
        SR_ASSIGN_OR_RETURN(KeyName parsed, KeyName::Parse(name));
        return Changed(request,
                       parts_.keyring.CreateKey({std::move(parsed), settings}));
      });
}

StatusOr<KeyView> KeyServiceImpl::GetKey(Call call, const std::string& name) {
  return pipeline_.RunNow<KeyView>(std::move(call),
                                   AboutKey(Operation::kGetKey, name),
                                   [&](Request& request) -> StatusOr<KeyView> {
                                     return ViewOf(request.named.key);
                                   });
}

StatusOr<ListResult> KeyServiceImpl::ListKeys(Call call,
                                              const std::string& prefix,
                                              uint32_t page_size,
                                              const std::string& page_token) {
  std::string after;
  return pipeline_.RunNow<ListResult>(
      std::move(call),
      [&](Request& request) -> StatusOr<Target> {
        SR_ASSIGN_OR_RETURN(after, NameInPageToken(page_token));
        return About(Operation::kListKeys, Target::Scope::kNothing)(request);
      },
      [&](Request& request) -> StatusOr<ListResult> {
        const size_t limit =
            page_size == 0 ? kMaxPageSize : std::min(page_size, kMaxPageSize);
        const auto& keys = request.keys->keys();
        auto it = !after.empty() && after >= prefix ? keys.upper_bound(after)
                                                    : keys.lower_bound(prefix);
        ListResult result;
        for (; it != keys.end() && it->first.starts_with(prefix); ++it) {
          const keyring::Key& key = *it->second;
          if (!request.policy
                   ->Check(*request.caller, request.spec.action,
                           {.name = it->first, .labels = &key.settings.labels})
                   .ok()) {
            continue;
          }
          if (result.keys.size() == limit) {
            result.next_page_token = PageTokenFor(result.keys.back().key->name);
            break;
          }
          result.keys.push_back(ViewOf(it->second));
        }
        request.record.items = static_cast<uint32_t>(result.keys.size());
        return result;
      });
}

StatusOr<KeyView> KeyServiceImpl::UpdateKey(Call call, const std::string& name,
                                            const keyring::KeyChange& change) {
  const Labels* new_labels = change.labels ? &*change.labels : nullptr;
  return pipeline_.RunNow<KeyView>(
      std::move(call), AboutKey(Operation::kUpdateKey, name, new_labels),
      [&](Request& request) {
        return Changed(request,
                       parts_.keyring.UpdateKey(request.named.key->id, change));
      });
}

StatusOr<KeyView> KeyServiceImpl::RotateKey(Call call,
                                            const std::string& name) {
  return pipeline_.RunNow<KeyView>(
      std::move(call), AboutKey(Operation::kRotateKey, name),
      [&](Request& request) {
        return Changed(request, parts_.keyring.Rotate(request.named.key->id));
      });
}

StatusOr<KeyView> KeyServiceImpl::MoveVersion(Call call,
                                              const std::string& name,
                                              uint32_t version,
                                              bool acknowledged) {
  const MoveRow& row = MoveRowOf(call.operation);
  return pipeline_.RunNow<KeyView>(
      std::move(call), AboutKey(row.operation, name),
      [&](Request& request) -> StatusOr<KeyView> {
        const Uuid& key_id = request.named.key->id;
        request.record.versions = {version};
        const bool destroys = row.move == VersionMove::kScheduleDestroy;
        if (acknowledged && !destroys) {
          return Error(Reason::kArgumentInvalid,
                       "only a destruction has unregistered wraps to "
                       "acknowledge");
        }
        if (acknowledged) request.record.detail = "unregistered acknowledged";
        SR_ASSIGN_OR_RETURN(
            KeyView moved,
            Changed(request, parts_.keyring.Move(key_id, version, row.move,
                                                 acknowledged)));
        request.record.versions = {version};
        if (!destroys) return moved;
        SR_ASSIGN_OR_RETURN(const auto traces, parts_.keyring.TracesOf(key_id));
        for (const keyring::Traces& one : traces) {
          if (one.version == version) moved.traces = one;
        }
        return moved;
      });
}

StatusOr<std::vector<keyring::OwnedObject>> KeyServiceImpl::ListTokenObjects(
    Call call) {
  return pipeline_.RunNow<std::vector<keyring::OwnedObject>>(
      std::move(call),
      About(Operation::kListTokenObjects, Target::Scope::kService),
      [&](Request&) { return parts_.keyring.DescribeObjects(); });
}

StatusOr<keyring::SigningKey::Exported> KeyServiceImpl::GetSigningKey(
    Call call) {
  return pipeline_.RunNow<keyring::SigningKey::Exported>(
      std::move(call),
      About(Operation::kGetSigningKey, Target::Scope::kService),
      [&](Request&) { return parts_.keyring.signing().Export(); });
}

StatusOr<StatusReport> KeyServiceImpl::GetStatus(Call call) {
  return pipeline_.RunNow<StatusReport>(
      std::move(call), About(Operation::kGetStatus, Target::Scope::kService),
      [&](Request& request) -> StatusOr<StatusReport> {
        StatusReport report;
        report.device = parts_.device.info();
        report.health = parts_.device.Health();
        report.engine = parts_.engine.Stats();
        report.keys = request.keys->keys().size();
        for (const auto& [name, key] : request.keys->keys()) {
          report.key_versions += key->versions.size();
        }
        return report;
      });
}

StatusOr<WhoAmIResult> KeyServiceImpl::WhoAmI(Call call) {
  return pipeline_.RunNow<WhoAmIResult>(
      std::move(call), About(Operation::kWhoAmI, Target::Scope::kNothing),
      [&](Request& request) -> StatusOr<WhoAmIResult> {
        const auth::Caller& caller = *request.caller;
        return WhoAmIResult{caller.id(), caller.subject(),
                            request.policy->GrantsOf(caller)};
      });
}

}  // namespace strongroom::service
