#include "keyring/destructions.h"

#include "keyring/dependents.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::keyring {

Status Destructions::Begin(const Turn& turn, const Uuid& id, uint32_t version,
                           WallTime now) {
  CrashPoint("destroy/begin");
  KeyRows before;
  SR_RETURN_IF_ERROR(
      parts_.store.Read([&](store::ReadTransaction& t) -> Status {
        SR_ASSIGN_OR_RETURN(before, ReadRows(t, id));
        return OkStatus();
      }));
  SR_RETURN_IF_ERROR(ProveToken(before));
  store::Lease lease;
  store::VersionRow row;
  const Status marked =
      parts_.store.UpdateInOrder([&](store::Transaction& t) -> Status {
        SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, id));
        const store::VersionRow* stored = rows.Find(version);
        if (stored == nullptr ||
            stored->state != VersionState::kDestroyScheduled ||
            stored->destroy_time > now || stored->held) {
          return Error(Reason::kConflict,
                       "key version " + rows.key.name + " v" +
                           std::to_string(version) +
                           " is not due for destruction any more");
        }
        SR_RETURN_IF_ERROR(CheckNothingDepends(t, rows.key, version));
        SR_ASSIGN_OR_RETURN(lease, parts_.TakeLease(t, id));
        row = *stored;
        row.destroying = true;
        SR_RETURN_IF_ERROR(t.UpdateVersion(row));
        return t.BumpChangeSeq();
      });
  if (!marked.ok()) return marked;
  return Finish(turn, lease, row);
}

Status Destructions::Finish(const Turn&, const store::Lease& lease,
                            const store::VersionRow& marked) {
  CrashPoint("destroy/marked");
  // On a token that is away or another one the KEK would seem to be gone.
  KeyRows rows;
  SR_RETURN_IF_ERROR(
      parts_.store.Read([&](store::ReadTransaction& t) -> Status {
        SR_ASSIGN_OR_RETURN(rows, ReadRows(t, marked.key_id));
        return OkStatus();
      }));
  SR_RETURN_IF_ERROR(ProveToken(rows));
  SR_RETURN_IF_ERROR(parts_.token.Destroy(marked));
  CrashPoint("destroy/object");
  KeyRows after;
  const Status stored =
      parts_.store.UpdateInOrder([&](store::Transaction& t) -> Status {
        const WallTime now = parts_.clock.Now();
        SR_RETURN_IF_ERROR(t.CheckLease(lease));
        store::VersionRow row = marked;
        row.state = VersionState::kDestroyed;
        row.destroy_time = now;
        row.known_answer.clear();
        row.destroying = false;
        SR_RETURN_IF_ERROR(t.UpdateVersion(row));
        SR_RETURN_IF_ERROR(t.BumpChangeSeq());
        SR_RETURN_IF_ERROR(t.ReleaseLease(lease));
        SR_ASSIGN_OR_RETURN(after, ReadRows(t, row.key_id));
        return OkStatus();
      });
  if (!stored.ok()) return stored;
  CrashPoint("destroy/stored");
  SR_RETURN_IF_ERROR(parts_.catalogue.Republish({std::move(after)}));
  CrashPoint("destroy/published");
  const Status told = parts_.Tell({.kind = Event::Kind::kDestruction,
                                   .done = true,
                                   .key = rows.key.name,
                                   .version = marked.version,
                                   .outcome = OkStatus()});
  if (!told.ok()) {
    log::Error("the end of a destruction is not in the audit log",
               {{"version", NameOf(rows, marked.version)}, {"error", told}});
  }
  return OkStatus();
}

Status Destructions::ProveToken(const KeyRows& rows) const {
  const store::VersionRow* primary = rows.Find(rows.key.primary_version);
  const Status proved =
      primary == nullptr ? OkStatus() : parts_.token.Prove(*primary);
  if (proved.ok()) return OkStatus();
  return Error(
      ReasonOf(proved),
      "no KEK of key " + rows.key.name + " is destroyed while its primary, v" +
          std::to_string(rows.key.primary_version) +
          ", does not answer on the token: " + std::string(proved.message()));
}

}  // namespace strongroom::keyring
