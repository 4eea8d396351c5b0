// MemoryStore: store::Store in memory, with faults.
//
// It keeps the contract that SQLite keeps (tests/contract). It outlives the
// keyring that uses it, so that a test can "kill" a process and start another.
// Thread rule: every member may be called from any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "strongroom/base/mutex.h"
#include "strongroom/store/store.h"
#include "tests/testing/memory_deks.h"
#include "tests/testing/memory_dependents.h"
#include "tests/testing/memory_jobs.h"

namespace strongroom::testing {

class MemoryStore final : public store::Store {
 public:
  // The clock counts leases.
  explicit MemoryStore(const Clock& clock = Clock::System())
      : clock_(clock), installation_id_(Uuid::Random()) {}

  // kBeforeCommit: nothing was changed. kAfterCommit: all was, and the answer
  // was lost (a disk that fails after it has written).
  enum class Moment { kBeforeCommit, kAfterCommit };
  // FailUpdate makes the n-th Update from now fail (1: the next); `times` of
  // them in a row.
  void FailUpdate(int n, Status status, Moment moment = Moment::kBeforeCommit,
                  int times = 1) SR_EXCLUDES(mutex_);
  void FailRead(Status status, int times = 1) SR_EXCLUDES(mutex_);
  void ClearFaults() SR_EXCLUDES(mutex_);
  // Restart is what opening SQLite does: the process that held the leases has
  // died, and the store is another replica's now.
  void Restart() SR_EXCLUDES(mutex_);
  // Updates asked for so far, failed ones too.
  int updates() const SR_EXCLUDES(mutex_);
  int reads() const SR_EXCLUDES(mutex_);

  // Backup and Restore: the store of yesterday. The watermark is no part of it,
  // unless it is forgotten.
  struct Backup;
  std::shared_ptr<const Backup> MakeBackup() const SR_EXCLUDES(mutex_);
  void Restore(const Backup& backup) SR_EXCLUDES(mutex_);
  void ForgetWatermark() SR_EXCLUDES(mutex_);
  // RestoreWithWatermark is what a copy of the whole directory brings back.
  void RestoreWithWatermark(const Backup& backup) SR_EXCLUDES(mutex_);

  using Change = std::function<Status(store::Transaction&)>;
  Status Update(const Change& change) override SR_EXCLUDES(mutex_) {
    return UpdateAs(replica_id_, /*in_order=*/false, change);
  }
  Status UpdateInOrder(const Change& change) override SR_EXCLUDES(mutex_) {
    return UpdateAs(replica_id_, /*in_order=*/true, change);
  }
  // UpdateAs is an update by the replica of that id.
  Status UpdateAs(const Uuid& replica, bool in_order, const Change& change)
      SR_EXCLUDES(mutex_);
  Status Read(const std::function<Status(store::ReadTransaction&)>& read)
      override SR_EXCLUDES(mutex_);
  const Uuid& installation_id() const override { return installation_id_; }
  const Uuid& replica_id() const override { return replica_id_; }
  std::optional<uint64_t> Watermark() override SR_EXCLUDES(mutex_);

  struct State {
    std::map<Uuid, store::KeyRow> keys;
    std::map<std::pair<Uuid, uint32_t>, store::VersionRow> versions;
    std::map<Uuid, store::RemovedRow> removed;
    std::map<std::string, std::string, std::less<>> settings;
    struct HeldLease {
      store::Lease lease;
      SteadyTime expires{};
    };
    std::map<std::string, HeldLease, std::less<>> leases;
    DekState deks;
    DependentState dependents;
    JobsState jobs;
    store::Change change;
    uint64_t fencing = 0;
  };
  struct Backup {
    State state;
  };

 private:
  struct Fault {
    int in = 0;
    int times = 0;
    Status status;
    Moment moment = Moment::kBeforeCommit;
  };
  std::optional<Fault> TakeFault() SR_REQUIRES(mutex_);

  const Clock& clock_;
  const Uuid installation_id_;
  Uuid replica_id_ = Uuid::Random();  // changed by Restart alone
  mutable Mutex mutex_;
  State state_ SR_GUARDED_BY(mutex_);
  std::optional<uint64_t> watermark_ SR_GUARDED_BY(mutex_) = 0;
  Fault update_fault_ SR_GUARDED_BY(mutex_);
  Fault read_fault_ SR_GUARDED_BY(mutex_);
  int updates_ SR_GUARDED_BY(mutex_) = 0;
  int reads_ SR_GUARDED_BY(mutex_) = 0;
};

// MemoryReplica is another process on the same MemoryStore.
class MemoryReplica final : public store::Store {
 public:
  explicit MemoryReplica(MemoryStore& store) : store_(store) {}

  Status Update(const MemoryStore::Change& change) override {
    return store_.UpdateAs(replica_id_, /*in_order=*/false, change);
  }
  Status UpdateInOrder(const MemoryStore::Change& change) override {
    return store_.UpdateAs(replica_id_, /*in_order=*/true, change);
  }
  Status Read(
      const std::function<Status(store::ReadTransaction&)>& read) override {
    return store_.Read(read);
  }
  const Uuid& installation_id() const override {
    return store_.installation_id();
  }
  const Uuid& replica_id() const override { return replica_id_; }
  std::optional<uint64_t> Watermark() override { return store_.Watermark(); }

 private:
  MemoryStore& store_;
  const Uuid replica_id_ = Uuid::Random();
};

}  // namespace strongroom::testing
