#include "tests/testing/memory_store.h"

#include <algorithm>

#include "store/row_codec.h"

namespace strongroom::testing {
namespace {

using store::KeyRow;
using store::Lease;
using store::VersionRow;

class MemoryTransaction final : public store::Transaction {
 public:
  MemoryTransaction(MemoryStore::State& state, const Uuid& replica,
                    SteadyTime now, bool in_order)
      : state_(state),
        replica_(replica),
        now_(now),
        in_order_(in_order),
        deks_(state.deks, [this] { return RaiseChangeSeq(0); }),
        dependents_(state.dependents),
        jobs_(state.jobs) {}

  StatusOr<std::optional<KeyRow>> GetKey(const Uuid& id) override {
    auto found = state_.keys.find(id);
    if (found == state_.keys.end()) return std::optional<KeyRow>();
    return std::optional<KeyRow>(found->second);
  }

  StatusOr<std::optional<KeyRow>> FindKey(std::string_view name) override {
    for (const auto& [id, row] : state_.keys) {
      if (row.name == name) return std::optional<KeyRow>(row);
    }
    return std::optional<KeyRow>();
  }

  StatusOr<std::vector<KeyRow>> AllKeys() override {
    std::vector<KeyRow> rows;
    for (const auto& [id, row] : state_.keys) rows.push_back(row);
    std::ranges::sort(rows, {}, &KeyRow::name);
    return rows;
  }

  StatusOr<std::vector<VersionRow>> VersionsOf(const Uuid& key_id) override {
    std::vector<VersionRow> rows;
    for (auto at = state_.versions.lower_bound({key_id, 0});
         at != state_.versions.end() && at->first.first == key_id; ++at) {
      rows.push_back(at->second);
    }
    return rows;
  }

  StatusOr<std::vector<VersionRow>> AllVersions() override {
    std::vector<VersionRow> rows;
    for (const auto& [id, row] : state_.versions) rows.push_back(row);
    return rows;
  }

  StatusOr<std::vector<store::RemovedRow>> AllRemoved() override {
    std::vector<store::RemovedRow> rows;
    for (const auto& [id, row] : state_.removed) rows.push_back(row);
    return rows;
  }

  StatusOr<std::optional<std::string>> GetSetting(
      std::string_view name) override {
    auto found = state_.settings.find(name);
    if (found == state_.settings.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }

  StatusOr<store::Change> LastChange() override { return state_.change; }

  StatusOr<std::optional<Lease>> GetLease(std::string_view name) override {
    auto found = state_.leases.find(name);
    if (found == state_.leases.end()) return std::optional<Lease>();
    return std::optional<Lease>(found->second.lease);
  }

  Status InsertKey(const KeyRow& row) override {
    SR_RETURN_IF_ERROR(store::ValidateRow(row));
    SR_ASSIGN_OR_RETURN(std::optional<KeyRow> same_name, FindKey(row.name));
    if (same_name || !state_.keys.emplace(row.id, row).second) {
      return store::KeyExists(row);
    }
    return OkStatus();
  }

  Status UpdateKey(const KeyRow& row) override {
    SR_RETURN_IF_ERROR(store::ValidateRow(row));
    auto found = state_.keys.find(row.id);
    if (found == state_.keys.end() || found->second.name != row.name) {
      return store::KeyMissing(row.id);
    }
    found->second = row;
    return OkStatus();
  }

  Status DeleteKey(const Uuid& id) override {
    SR_ASSIGN_OR_RETURN(std::vector<VersionRow> versions, VersionsOf(id));
    if (!versions.empty()) return store::KeyHasVersions(id);
    return state_.keys.erase(id) == 1 ? OkStatus() : store::KeyMissing(id);
  }

  Status InsertVersion(const VersionRow& row) override {
    SR_RETURN_IF_ERROR(store::ValidateRow(row));
    if (!state_.keys.contains(row.key_id)) {
      return store::KeyMissing(row.key_id);
    }
    for (const auto& [id, other] : state_.versions) {
      if (other.kek_id == row.kek_id) return store::VersionExists(row);
    }
    if (!state_.versions.emplace(std::pair(row.key_id, row.version), row)
             .second) {
      return store::VersionExists(row);
    }
    return OkStatus();
  }

  Status UpdateVersions(std::span<const VersionRow> rows) override {
    for (const VersionRow& row : rows) {
      SR_RETURN_IF_ERROR(store::ValidateRow(row));
      auto found = state_.versions.find({row.key_id, row.version});
      if (found == state_.versions.end()) {
        return store::VersionMissing(row.key_id, row.version);
      }
      if (found->second.kek_id != row.kek_id) return store::KekChanged(row);
      const bool closed = found->second.closed;
      found->second = row;
      found->second.closed = closed;
    }
    return OkStatus();
  }

  Status CloseVersions(const Uuid& key_id,
                       std::span<const uint32_t> versions) override {
    for (uint32_t version : versions) {
      auto found = state_.versions.find({key_id, version});
      if (found == state_.versions.end()) {
        return store::VersionMissing(key_id, version);
      }
      found->second.closed = true;
    }
    return OkStatus();
  }

  Status DeleteVersion(const Uuid& key_id, uint32_t version) override {
    return state_.versions.erase({key_id, version}) == 1
               ? OkStatus()
               : store::VersionMissing(key_id, version);
  }

  Status RemoveVersion(const Uuid& key_id, uint32_t version,
                       WallTime now) override {
    const auto found = state_.versions.find({key_id, version});
    if (found == state_.versions.end()) {
      return store::VersionMissing(key_id, version);
    }
    const VersionRow& row = found->second;
    if (row.state != store::VersionState::kPending) {
      return store::NotPending(row);
    }
    state_.removed[row.kek_id] = {row.kek_id, key_id, version, now};
    state_.versions.erase(found);
    return OkStatus();
  }

  Status PutSetting(std::string_view name, std::string_view value) override {
    state_.settings.insert_or_assign(std::string(name), std::string(value));
    return OkStatus();
  }

  Status RaiseChangeSeq(uint64_t seen) override {
    if (!in_order_) return store::OutOfOrder();
    state_.change = {std::max(state_.change.seq, seen) + 1, Uuid::Random()};
    return OkStatus();
  }

  StatusOr<Lease> TakeLease(std::string_view name,
                            std::chrono::seconds time) override {
    auto held = state_.leases.find(name);
    if (held != state_.leases.end()) {
      if (held->second.lease.holder == replica_) {
        held->second.expires = now_ + time;
        return held->second.lease;
      }
      if (held->second.expires > now_) {
        return store::LeaseTaken(
            held->second.lease,
            std::chrono::duration_cast<std::chrono::microseconds>(
                held->second.expires - now_));
      }
    }
    Lease lease{.name = std::string(name),
                .holder = replica_,
                .fencing = ++state_.fencing};
    state_.leases.insert_or_assign(
        lease.name, MemoryStore::State::HeldLease{lease, now_ + time});
    return lease;
  }

  Status CheckLease(const Lease& lease) override {
    SR_ASSIGN_OR_RETURN(const std::optional<Lease> held, GetLease(lease.name));
    return held == lease ? OkStatus() : store::LeaseLost(lease);
  }

  Status ReleaseLease(const Lease& lease) override {
    auto held = state_.leases.find(lease.name);
    if (held != state_.leases.end() && held->second.lease == lease) {
      state_.leases.erase(held);
    }
    return OkStatus();
  }

  MemoryDeks& deks() override { return deks_; }
  MemoryDependents& dependents() override { return dependents_; }
  MemoryJobs& jobs() override { return jobs_; }

 private:
  MemoryStore::State& state_;
  const Uuid& replica_;
  const SteadyTime now_;
  const bool in_order_;
  MemoryDeks deks_;
  MemoryDependents dependents_;
  MemoryJobs jobs_;
};

}  // namespace

void MemoryStore::FailUpdate(int n, Status status, Moment moment, int times) {
  MutexLock lock(mutex_);
  update_fault_ = {n, times, std::move(status), moment};
}

void MemoryStore::FailRead(Status status, int times) {
  MutexLock lock(mutex_);
  read_fault_ = {1, times, std::move(status), Moment::kBeforeCommit};
}

void MemoryStore::ClearFaults() {
  MutexLock lock(mutex_);
  update_fault_ = {};
  read_fault_ = {};
}

void MemoryStore::Restart() {
  MutexLock lock(mutex_);
  state_.leases.clear();
  replica_id_ = Uuid::Random();
}

int MemoryStore::updates() const {
  MutexLock lock(mutex_);
  return updates_;
}

int MemoryStore::reads() const {
  MutexLock lock(mutex_);
  return reads_;
}

std::shared_ptr<const MemoryStore::Backup> MemoryStore::MakeBackup() const {
  MutexLock lock(mutex_);
  return std::make_shared<Backup>(Backup{state_});
}

void MemoryStore::Restore(const Backup& backup) {
  MutexLock lock(mutex_);
  state_ = backup.state;
}

void MemoryStore::ForgetWatermark() {
  MutexLock lock(mutex_);
  watermark_.reset();
}

void MemoryStore::RestoreWithWatermark(const Backup& backup) {
  MutexLock lock(mutex_);
  state_ = backup.state;
  watermark_ = state_.change.seq;
}

std::optional<uint64_t> MemoryStore::Watermark() {
  MutexLock lock(mutex_);
  return watermark_;
}

std::optional<MemoryStore::Fault> MemoryStore::TakeFault() {
  if (update_fault_.times == 0) return std::nullopt;
  if (update_fault_.in > 1) {
    --update_fault_.in;
    return std::nullopt;
  }
  --update_fault_.times;
  return update_fault_;
}

Status MemoryStore::UpdateAs(const Uuid& replica, bool in_order,
                             const Change& change) {
  MutexLock lock(mutex_);
  ++updates_;
  const std::optional<Fault> fault = TakeFault();
  State changed = state_;
  MemoryTransaction transaction(changed, replica, clock_.Steady(), in_order);
  SR_RETURN_IF_ERROR(change(transaction));
  if (fault && fault->moment == Moment::kBeforeCommit) return fault->status;
  if (changed.change != state_.change) watermark_ = changed.change.seq;
  state_ = std::move(changed);
  return fault ? fault->status : OkStatus();
}

Status MemoryStore::Read(
    const std::function<Status(store::ReadTransaction&)>& read) {
  MutexLock lock(mutex_);
  ++reads_;
  if (read_fault_.times > 0) {
    --read_fault_.times;
    return read_fault_.status;
  }
  MemoryTransaction transaction(state_, replica_id_, clock_.Steady(),
                                /*in_order=*/false);
  return read(transaction);
}

}  // namespace strongroom::testing
