#include "strongroom/registry/registry.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "registry/group_writer.h"
#include "registry/rows.h"
#include "registry/shredded_set.h"
#include "strongroom/base/crash_points.h"

namespace strongroom::registry {
namespace {

// A page looks at so many rows at most, however few of them match.
constexpr size_t kMaxScan = 10000;

Status Disagree(const DekId& id) {
  return Error(Reason::kStoreCorrupt,
               "the rows of DEK " + id.ToString() +
                   " do not belong together; restore a backup of the store");
}

bool Matches(const Labels& labels, const Labels& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& pair) {
    const auto found = labels.find(pair.first);
    return found != labels.end() && found->second == pair.second;
  });
}

DekInfo InfoOf(store::ListedDek listed) {
  return {.id = listed.dek.id,
          .version = listed.version,
          .labels = std::move(listed.dek.labels),
          .reference = std::move(listed.dek.reference),
          .created = listed.dek.created};
}

// What the bytes say must be what was asked for (docs/formats.md, 3).
Status Join(const DekId& id, const store::BatchRow& batch, const Bytes& leaf,
            envelope::Token* token) {
  StatusOr<envelope::Header> header = envelope::ParseHeader(batch.header);
  StatusOr<envelope::Leaf> parsed = envelope::ParseLeaf(leaf);
  if (!header.ok() || !parsed.ok() || header->key_id != batch.key_id ||
      header->key_version != batch.version || header->batch_id != id.batch_id ||
      parsed->index != id.index) {
    return Disagree(id);
  }
  token->header = *std::move(header);
  token->leaf = *std::move(parsed);
  token->header_size = batch.header.size();
  return OkStatus();
}

// BatchesOf gives the rows of the ids' batches: the ids of one request are
// often neighbours in few.
StatusOr<std::map<Uuid, store::BatchRow>> BatchesOf(
    store::DekReads& deks, std::span<const DekId> ids) {
  std::set<Uuid> of;
  for (const DekId& id : ids) of.insert(id.batch_id);
  const std::vector<Uuid> batch_ids(of.begin(), of.end());
  SR_ASSIGN_OR_RETURN(auto rows, deks.GetBatches(batch_ids));
  std::map<Uuid, store::BatchRow> batches;
  for (std::optional<store::BatchRow>& row : rows) {
    if (row) batches.emplace(row->batch_id, *std::move(row));
  }
  return batches;
}

StatusOr<Held> Absent(store::DekReads& deks, const DekId& id) {
  Held held;
  SR_ASSIGN_OR_RETURN(const auto tombstone, deks.GetTombstone(id));
  held.status = tombstone ? DekShredded(id) : DekNotFound(id);
  if (tombstone) held.key_id = tombstone->key_id;
  return held;
}

// FindHeld gives one answer for each id; fails only as the store does.
StatusOr<std::vector<Held>> FindHeld(store::DekReads& deks,
                                     std::span<const DekId> ids) {
  std::vector<Held> found;
  found.reserve(ids.size());
  SR_ASSIGN_OR_RETURN(const auto batches, BatchesOf(deks, ids));
  SR_ASSIGN_OR_RETURN(auto rows, deks.GetDeks(ids));
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto batch = batches.find(ids[i].batch_id);
    if (!rows[i] || batch == batches.end()) {
      SR_ASSIGN_OR_RETURN(Held absent, Absent(deks, ids[i]));
      found.push_back(std::move(absent));
      continue;
    }
    Held& held = found.emplace_back();
    held.key_id = batch->second.key_id;
    held.labels = std::move(rows[i]->labels);
    held.reference = std::move(rows[i]->reference);
    held.status = Join(ids[i], batch->second, rows[i]->leaf, &held.token);
  }
  return found;
}

class RegistryImpl final : public Registry {
 public:
  RegistryImpl(store::Store& store, const Clock& clock, Metrics& metrics,
               const RegistryOptions& options)
      : store_(store),
        clock_(clock),
        writer_(store, metrics, options.max_waiting_deks,
                options.max_group_deks) {}

  Status ReadTombstones() {
    return store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(const auto rows, t.deks().AllTombstones());
      for (const store::TombstoneRow& row : rows) shredded_.Add(row.id);
      return OkStatus();
    });
  }

  void Register(Registration registration,
                std::function<void(StatusOr<Registered>)> done) override;
  StatusOr<std::optional<std::vector<DekId>>> FindRequest(
      const std::string& caller, const Uuid& request_id, const Uuid& key_id,
      size_t deks) override;
  StatusOr<std::vector<Held>> Find(std::span<const DekId> ids) override;
  Status CheckNotShredded(const DekId& id) const override {
    return shredded_.Contains(id) ? DekShredded(id) : OkStatus();
  }
  StatusOr<DekInfo> Describe(const Uuid& key_id, const DekId& id) override;
  StatusOr<DekPage> List(const Uuid& key_id, const DekFilter& filter,
                         const std::optional<DekId>& after,
                         size_t limit) override;
  StatusOr<std::vector<store::CensusRow>> Census(const Uuid& key_id) override;
  Status Report(const Uuid& key_id, const std::string& caller,
                const std::string& source,
                std::span<const Claimed> claimed) override {
    return store_.Update([&](store::Transaction& t) {
      return StoreReport(t, key_id, caller, source, claimed, clock_.Now());
    });
  }
  StatusOr<std::vector<store::ClaimRow>> Claims(const Uuid& key_id) override {
    std::vector<store::ClaimRow> rows;
    const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(rows, t.dependents().ClaimsOf(key_id));
      return OkStatus();
    });
    SR_RETURN_IF_ERROR(read);
    return rows;
  }
  Status Delete(const Uuid& key_id, const DekId& id) override;
  Status Shred(const Uuid& key_id, const DekId& id) override;
  void Shutdown() override { writer_.Stop(); }

 private:
  store::Store& store_;
  const Clock& clock_;
  ShreddedSet shredded_;
  GroupWriter writer_;
};

void RegistryImpl::Register(Registration registration,
                            std::function<void(StatusOr<Registered>)> done) {
  struct Work {
    Registration registration;
    Registered result;
  };
  auto work = std::make_shared<Work>();
  work->registration = std::move(registration);
  const size_t weight = work->registration.deks.size();
  writer_.Submit({
      .apply = [this, work](store::Transaction& t) -> Status {
        CrashPoint("register/begin");
        SR_ASSIGN_OR_RETURN(work->result,
                            InsertDeks(t, work->registration, clock_.Now()));
        CrashPoint("register/rows");
        return OkStatus();
      },
      .done =
          [work, done = std::move(done)](const Status& status) {
            if (status.ok()) CrashPoint("register/stored");
            if (!status.ok()) return done(status);
            done(std::move(work->result));
          },
      .weight = weight,
  });
}

StatusOr<std::optional<std::vector<DekId>>> RegistryImpl::FindRequest(
    const std::string& caller, const Uuid& request_id, const Uuid& key_id,
    size_t deks) {
  std::optional<std::vector<DekId>> ids;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    ids.reset();
    SR_ASSIGN_OR_RETURN(auto row, t.deks().GetRegistration(caller, request_id));
    if (!row || !IsRemembered(*row, clock_.Now())) return OkStatus();
    SR_RETURN_IF_ERROR(CheckRequest(*row, key_id, deks));
    ids = std::move(row->ids);
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return ids;
}

StatusOr<std::vector<Held>> RegistryImpl::Find(std::span<const DekId> ids) {
  std::vector<Held> found;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(found, FindHeld(t.deks(), ids));
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return found;
}

StatusOr<DekInfo> RegistryImpl::Describe(const Uuid& key_id, const DekId& id) {
  DekInfo info;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(std::optional<store::DekRow> dek, t.deks().GetDek(id));
    SR_ASSIGN_OR_RETURN(const auto batch, t.deks().GetBatch(id.batch_id));
    if (dek && batch && batch->key_id == key_id) {
      info = InfoOf({*std::move(dek), batch->version});
      return OkStatus();
    }
    SR_ASSIGN_OR_RETURN(const auto tombstone, t.deks().GetTombstone(id));
    return tombstone && tombstone->key_id == key_id ? DekShredded(id)
                                                    : DekNotFound(id);
  });
  SR_RETURN_IF_ERROR(read);
  return info;
}

StatusOr<DekPage> RegistryImpl::List(const Uuid& key_id,
                                     const DekFilter& filter,
                                     const std::optional<DekId>& after,
                                     size_t limit) {
  DekPage page;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    page = {};
    // One more than asked for tells whether this is the last page.
    const size_t scan = filter.labels.empty() ? limit + 1 : kMaxScan;
    SR_ASSIGN_OR_RETURN(std::vector<store::ListedDek> rows,
                        t.deks().ListDeks(key_id, filter.version, after, scan));
    const bool more = rows.size() == scan;
    std::optional<DekId> last;
    for (store::ListedDek& row : rows) {
      if (page.deks.size() == limit) {
        page.next_after = last;
        return OkStatus();
      }
      last = row.dek.id;
      if (Matches(row.dek.labels, filter.labels)) {
        page.deks.push_back(InfoOf(std::move(row)));
      }
    }
    if (more) page.next_after = last;
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return page;
}

StatusOr<std::vector<store::CensusRow>> RegistryImpl::Census(
    const Uuid& key_id) {
  std::vector<store::CensusRow> rows;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(rows, t.dependents().CensusOf(key_id));
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return rows;
}

Status RegistryImpl::Delete(const Uuid& key_id, const DekId& id) {
  return store_.Update(
      [&](store::Transaction& t) { return RemoveDek(t, key_id, id); });
}

Status RegistryImpl::Shred(const Uuid& key_id, const DekId& id) {
  CrashPoint("shred/begin");
  const Status stored =
      store_.UpdateInOrder([&](store::Transaction& t) -> Status {
        SR_ASSIGN_OR_RETURN(const auto tombstone, t.deks().GetTombstone(id));
        if (tombstone) {
          return tombstone->key_id == key_id ? OkStatus() : DekNotFound(id);
        }
        SR_RETURN_IF_ERROR(RemoveDek(t, key_id, id));
        return t.deks().InsertTombstone(
            {.id = id, .key_id = key_id, .shredded = clock_.Now()});
      });
  SR_RETURN_IF_ERROR(stored);
  CrashPoint("shred/stored");
  shredded_.Add(id);
  return OkStatus();
}

}  // namespace

StatusOr<std::unique_ptr<Registry>> OpenRegistry(store::Store& store,
                                                 const Clock& clock,
                                                 Metrics& metrics,
                                                 RegistryOptions options) {
  auto registry =
      std::make_unique<RegistryImpl>(store, clock, metrics, options);
  SR_RETURN_IF_ERROR(registry->ReadTombstones());
  return std::unique_ptr<Registry>(std::move(registry));
}

}  // namespace strongroom::registry
