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
  MemoryStore() : installation_id_(Uuid::Random()) {}

  // kBeforeCommit: nothing was changed. kAfterCommit: all was, and the answer
  // was lost (a disk that fails after it has written).
  enum class Moment { kBeforeCommit, kAfterCommit };
  // FailUpdate makes the n-th Update from now fail (1: the next); `times` of
  // them in a row.
  void FailUpdate(int n, Status status, Moment moment = Moment::kBeforeCommit,
                  int times = 1) SR_EXCLUDES(mutex_);
  void FailRead(Status status, int times = 1) SR_EXCLUDES(mutex_);
  void ClearFaults() SR_EXCLUDES(mutex_);
  // FreeLeases is what opening SQLite does: the process that held them died.
  void FreeLeases() SR_EXCLUDES(mutex_);
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

  Status Update(const std::function<Status(store::Transaction&)>& change)
      override SR_EXCLUDES(mutex_);
  Status Read(const std::function<Status(store::ReadTransaction&)>& read)
      override SR_EXCLUDES(mutex_);
  const Uuid& installation_id() const override { return installation_id_; }
  std::optional<uint64_t> Watermark() override SR_EXCLUDES(mutex_);

  struct State {
    std::map<Uuid, store::KeyRow> keys;
    std::map<std::pair<Uuid, uint32_t>, store::VersionRow> versions;
    std::map<std::string, std::string, std::less<>> settings;
    std::map<std::string, store::Lease, std::less<>> leases;
    DekState deks;
    DependentState dependents;
    JobsState jobs;
    uint64_t change_seq = 0;
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

  const Uuid installation_id_;
  mutable Mutex mutex_;
  State state_ SR_GUARDED_BY(mutex_);
  std::optional<uint64_t> watermark_ SR_GUARDED_BY(mutex_) = 0;
  Fault update_fault_ SR_GUARDED_BY(mutex_);
  Fault read_fault_ SR_GUARDED_BY(mutex_);
  int updates_ SR_GUARDED_BY(mutex_) = 0;
  int reads_ SR_GUARDED_BY(mutex_) = 0;
};

}  // namespace strongroom::testing
