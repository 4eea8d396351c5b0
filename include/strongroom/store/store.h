// Store: keys, versions, registered DEKs, leases and settings, in transactions.
//
// An interface with two implementations here (SQLite, and memory for tests)
// that pass one contract suite; PostgreSQL will be a third, so nothing above
// may assume that it is the only writer: long work takes a lease with a fencing
// number, and re-reads inside its transaction. The store keeps the time of
// leases and names the replica that holds them: callers pass neither.
// Thread rule: a Store is thread-safe; a Transaction belongs to its callback.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/model/key.h"
#include "strongroom/store/deks.h"
#include "strongroom/store/dependents.h"
#include "strongroom/store/jobs.h"

namespace strongroom::store {

using model::RegistrationRule;
using model::VersionState;

struct KeyRow {
  Uuid id;
  std::string name;
  Labels labels;
  uint32_t primary_version = 0;   // 0: none yet
  int64_t rotation_period_s = 0;  // 0: not by time
  WallTime next_rotation{};       // meaningful if the period is set
  uint32_t max_items = 1024;
  int64_t max_age_ms = 0;
  int64_t destroy_after_s = 30 * 86400;
  RegistrationRule registration = RegistrationRule::kOptional;
  // Registration was demanded from the first version on, and always since.
  bool always_required = false;
  bool rewrap_on_rotation = false;  // a rotation starts a rewrap job
  int64_t retire_after_s = 0;       // after their rotation; 0: versions stay
  WallTime created{};
  friend bool operator==(const KeyRow&, const KeyRow&) = default;
};

struct VersionRow {
  Uuid key_id;
  uint32_t version = 0;
  Uuid kek_id;  // CKA_ID
  VersionState state = VersionState::kPending;
  Bytes known_answer;           // sealed blob; empty while PENDING
  uint64_t seals_reserved = 0;  // the ledger: never lower than used
  WallTime created{};
  WallTime destroy_time{};  // scheduled for, or done at
  // The object may be gone: a DESTROY_SCHEDULED version that cannot come back.
  bool destroying = false;
  // A DESTROY_SCHEDULED version that no timer destroys: the store may be an old
  // copy, and the destruction cancelled since.
  bool held = false;
  // Its time was over and the timer has taken it out of use: once, whatever
  // becomes of it afterwards.
  bool retired = false;
  // It takes no more batches: a rewrap job has emptied it (CloseVersions).
  bool closed = false;
  friend bool operator==(const VersionRow&, const VersionRow&) = default;
};

// RemovedRow is a version that was never finished and was given up: its row is
// gone, and its KEK may come to the token all the same, from a call that hangs
// there. Kept for ever; an object of this id is to be destroyed.
struct RemovedRow {
  Uuid kek_id;
  Uuid key_id;
  uint32_t version = 0;
  WallTime removed{};
  friend bool operator==(const RemovedRow&, const RemovedRow&) = default;
};

struct Lease {
  std::string name;
  Uuid holder;           // the replica that has it
  uint64_t fencing = 0;  // grows with every new holder
  friend bool operator==(const Lease&, const Lease&) = default;
};

// Change is the newest change of keys, versions or tombstones. Its id is
// random: two stores that went apart are told apart by it, however far each
// has counted.
struct Change {
  uint64_t seq = 0;
  Uuid id;
  friend bool operator==(const Change&, const Change&) = default;
};

// ReadTransaction sees one consistent state. AllKeys is in the order of names,
// versions in the order of keys' ids, then numbers.
class ReadTransaction {
 public:
  virtual ~ReadTransaction() = default;
  virtual StatusOr<std::optional<KeyRow>> GetKey(const Uuid& id) = 0;
  virtual StatusOr<std::optional<KeyRow>> FindKey(std::string_view name) = 0;
  virtual StatusOr<std::vector<KeyRow>> AllKeys() = 0;
  virtual StatusOr<std::vector<VersionRow>> VersionsOf(const Uuid& key_id) = 0;
  virtual StatusOr<std::vector<VersionRow>> AllVersions() = 0;
  // AllRemoved: in the order of their KEKs' ids.
  virtual StatusOr<std::vector<RemovedRow>> AllRemoved() = 0;
  virtual StatusOr<std::optional<std::string>> GetSetting(
      std::string_view name) = 0;
  // LastChange: its seq grows with every committed change.
  virtual StatusOr<Change> LastChange() = 0;
  StatusOr<uint64_t> ChangeSeq();
  // GetLease gives a lease that somebody has, run out or not.
  virtual StatusOr<std::optional<Lease>> GetLease(std::string_view name) = 0;
  virtual DekReads& deks() = 0;
  virtual DependentReads& dependents() = 0;
  virtual JobReads& jobs() = 0;
};

class Transaction : public ReadTransaction {
 public:
  // Insert fails KEY_EXISTS if name or id is there; Update KEY_NOT_FOUND or
  // VERSION_NOT_FOUND if the row is not. A key's id and name never change, nor
  // a version's KEK (CONFLICT). ARGUMENT_INVALID for labels against the rule
  // of names.h and for version 0.
  virtual Status InsertKey(const KeyRow& row) = 0;
  virtual Status UpdateKey(const KeyRow& row) = 0;
  virtual Status DeleteKey(const Uuid& id) = 0;  // CONFLICT if versions remain
  // InsertVersion: CONFLICT if the version or its KEK is there already.
  virtual Status InsertVersion(const VersionRow& row) = 0;
  // UpdateVersions changes all or, if one of them fails, nothing that is
  // committed. It leaves `closed` alone.
  virtual Status UpdateVersions(std::span<const VersionRow> rows) = 0;
  Status UpdateVersion(const VersionRow& row) {
    return UpdateVersions({&row, 1});
  }
  // CloseVersions sets `closed`, for ever. VERSION_NOT_FOUND.
  virtual Status CloseVersions(const Uuid& key_id,
                               std::span<const uint32_t> versions) = 0;
  virtual Status DeleteVersion(const Uuid& key_id, uint32_t version) = 0;
  // RemoveVersion gives a PENDING version up, and keeps a RemovedRow of it:
  // nothing brings it back. VERSION_NOT_FOUND; CONFLICT in any other state.
  virtual Status RemoveVersion(const Uuid& key_id, uint32_t version,
                               WallTime now) = 0;
  virtual Status PutSetting(std::string_view name, std::string_view value) = 0;
  // BumpChangeSeq makes a change: the next number, and a new id. INTERNAL
  // outside UpdateInOrder, as RaiseChangeSeq and DekWrites::InsertTombstone.
  Status BumpChangeSeq() { return RaiseChangeSeq(0); }
  // RaiseChangeSeq makes one above `seen`, which some state of this store had.
  virtual Status RaiseChangeSeq(uint64_t seen) = 0;
  // TakeLease gives the lease to this replica, until `time` from now, if it is
  // free, has run out, or is this replica's already (a renewal keeps the
  // fencing number). CONFLICT, naming holder and time, if another has it.
  virtual StatusOr<Lease> TakeLease(std::string_view name,
                                    std::chrono::seconds time) = 0;
  // CheckLease is CONFLICT if another has taken the lease since, or it was
  // released: a holder calls it inside each transaction that writes under the
  // lease. A lease that ran out and that nobody took still holds: its time
  // says when others may go on, its fencing number who may write.
  // ReleaseLease frees it; it does nothing if it is another's by now.
  virtual Status CheckLease(const Lease& lease) = 0;
  virtual Status ReleaseLease(const Lease& lease) = 0;
  DekWrites& deks() override = 0;
  DependentWrites& dependents() override = 0;
  JobWrites& jobs() override = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Update runs `change` in a write transaction and commits if it returns OK;
  // any failure, its own included, leaves the store as it was. Durable when it
  // returns. `change` may run more than once, and must touch nothing else.
  // STORE_UNAVAILABLE (busy, I/O), STORE_FULL, STORE_READ_ONLY, STORE_CORRUPT.
  virtual Status Update(const std::function<Status(Transaction&)>& change) = 0;
  // UpdateInOrder is Update for transactions that make a change. It takes the
  // lock of all such before it reads anything: changes commit in the order of
  // their numbers, and what `change` reads no other change can move.
  virtual Status UpdateInOrder(
      const std::function<Status(Transaction&)>& change) = 0;
  virtual Status Read(const std::function<Status(ReadTransaction&)>& read) = 0;

  // InstallationId was made with the store and names its objects on the token.
  virtual const Uuid& installation_id() const = 0;
  // ReplicaId names this process in leases and counters; new at each start.
  virtual const Uuid& replica_id() const = 0;

  // Watermark is the newest change that this installation is known to have
  // committed, kept outside what a backup of the store holds. A store that is
  // behind it is an old copy. nullopt: nothing is known, and the store may be.
  virtual std::optional<uint64_t> Watermark() = 0;
};

inline StatusOr<uint64_t> ReadTransaction::ChangeSeq() {
  SR_ASSIGN_OR_RETURN(const Change change, LastChange());
  return change.seq;
}

}  // namespace strongroom::store
