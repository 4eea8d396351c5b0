#include "keyring/usage.h"

#include <algorithm>
#include <iterator>

#include "strongroom/base/log.h"

namespace strongroom::keyring {
namespace {

constexpr uint64_t kFirstBlock = 1024;
constexpr std::chrono::seconds kFlushPeriod{60};

int64_t Encode(WallTime time) { return time.time_since_epoch().count(); }
WallTime Decode(int64_t time) {
  return WallTime(std::chrono::microseconds(time));
}

// Raise keeps the later of two times; times that race may lose microseconds.
void Raise(std::atomic<int64_t>& known, int64_t now) {
  if (known.load(std::memory_order_relaxed) < now) {
    known.store(now, std::memory_order_relaxed);
  }
}

void MarkDirty(LiveVersion& version) {
  if (!version.use_dirty.load(std::memory_order_relaxed)) {
    version.use_dirty.store(true);
  }
}

std::optional<WallTime> TimeIf(int64_t time) {
  if (time == 0) return std::nullopt;
  return Decode(time);
}

LiveTraces TakeLive(const LiveVersion& version) {
  return {.unused = version.issued.left(),
          .last_issued = TimeIf(version.last_issued.load()),
          .last_opened = TimeIf(version.last_opened.load())};
}

store::UseRow* FindOrAdd(std::vector<store::UseRow>& rows, const Uuid& key_id,
                         uint32_t version) {
  const auto row = std::ranges::find(rows, version, &store::UseRow::version);
  if (row != rows.end()) return &*row;
  rows.push_back({.key_id = key_id, .version = version});
  return &rows.back();
}

}  // namespace

Status Usage::CountIssued(const Uuid& key_id, uint32_t number, uint64_t wraps) {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* live = view->Find(key_id);
  LiveVersion* version = live == nullptr ? nullptr : live->Find(number);
  if (version == nullptr) {
    return Error(Reason::kVersionNotFound, "there is no version " +
                                               std::to_string(number) +
                                               " of key " + key_id.ToString());
  }
  const int64_t now = Encode(parts_.clock.Now());
  while (!version->issued.Count(wraps)) {
    SR_RETURN_IF_ERROR(Reserve(key_id, number, *version, wraps));
  }
  Raise(version->last_issued, now);
  MarkDirty(*version);
  return OkStatus();
}

Status Usage::Reserve(const Uuid& key_id, uint32_t number, LiveVersion& live,
                      uint64_t wraps) {
  MutexLock lock(live.issued.reserving());
  if (live.issued.left() >= wraps) return OkStatus();
  uint64_t total = 0;
  uint64_t granted = 0;
  SR_RETURN_IF_ERROR(parts_.store.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const KeyRows rows, ReadRows(t, key_id));
    const store::VersionRow* stored = rows.Find(number);
    // The other side of this is CheckNothingUnregistered: the transaction that
    // schedules a destruction finds the row that is written here, or is found.
    if (stored == nullptr || (stored->state != VersionState::kEnabled &&
                              stored->state != VersionState::kDisabled)) {
      return Error(Reason::kConflict,
                   "key version " + rows.key.name + " v" +
                       std::to_string(number) +
                       " was taken out of use before its wraps could be "
                       "given out; repeat the request: the newest version "
                       "will serve it");
    }
    SR_ASSIGN_OR_RETURN(std::vector<store::UseRow> uses,
                        t.dependents().UsesOf(key_id));
    store::UseRow* row = FindOrAdd(uses, key_id, number);
    const WallTime now = parts_.clock.Now();
    if (row->issued == 0) row->first_issued = now;
    row->last_issued = std::max(row->last_issued, now);
    granted = std::max({wraps, kFirstBlock, row->issued});
    row->issued += granted;
    total = row->issued;
    return t.dependents().PutUse(*row);
  }));
  live.issued.Grant(total, granted);
  return OkStatus();
}

void Usage::NoteOpened(const Uuid& key_id, uint32_t number) {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* live = view->Find(key_id);
  LiveVersion* version = live == nullptr ? nullptr : live->Find(number);
  if (version == nullptr) return;
  Raise(version->last_opened, Encode(parts_.clock.Now()));
  MarkDirty(*version);
}

LiveTraces Usage::LiveTracesOf(const Uuid& key_id, uint32_t number) const {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* live = view->Find(key_id);
  const LiveVersion* version = live == nullptr ? nullptr : live->Find(number);
  return version == nullptr ? LiveTraces() : TakeLive(*version);
}

StatusOr<std::vector<Traces>> Usage::TracesOf(const Uuid& key_id) const {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* live = view->Find(key_id);
  if (live == nullptr) {
    return Error(Reason::kKeyNotFound,
                 "there is no key with the id " + key_id.ToString());
  }
  std::vector<LiveTraces> here;
  for (const auto& version : live->versions) here.push_back(TakeLive(*version));
  std::vector<store::UseRow> rows;
  SR_RETURN_IF_ERROR(
      parts_.store.Read([&](store::ReadTransaction& t) -> Status {
        SR_ASSIGN_OR_RETURN(rows, t.dependents().UsesOf(key_id));
        return OkStatus();
      }));
  std::vector<Traces> traces;
  for (size_t i = 0; i < here.size(); ++i) {
    const Version& version = live->key->versions[i];
    if (version.state == VersionState::kDestroyed) continue;
    traces.push_back(TracesIn(rows, version.number, here[i]));
  }
  return traces;
}

void Usage::FlushNowAndThen() {
  const SteadyTime now = parts_.clock.Steady();
  if (now < next_flush_) return;
  next_flush_ = now + kFlushPeriod;
  const Status stored = Store(/*give_back=*/false);
  if (!stored.ok()) {
    log::Warning("times of last use could not be stored", {{"error", stored}});
  }
}

void Usage::Close() {
  const Status stored = Store(/*give_back=*/true);
  if (!stored.ok()) {
    log::Warning("the counts of unregistered wraps stay too high",
                 {{"error", stored}});
  }
}

Status Usage::Store(bool give_back) {
  struct Change {
    Uuid key_id;
    uint32_t version;
    LiveVersion* live;
    uint64_t unused = 0;
  };
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  std::vector<Change> changes;
  for (const auto& [id, live] : view->keys) {
    for (size_t i = 0; i < live->versions.size(); ++i) {
      LiveVersion& version = *live->versions[i];
      Change change{id, live->key->versions[i].number, &version};
      if (give_back) change.unused = version.issued.TakeBack();
      if (version.use_dirty.exchange(false) || change.unused > 0) {
        changes.push_back(change);
      }
    }
  }
  if (changes.empty()) return OkStatus();
  const Status stored =
      parts_.store.Update([&](store::Transaction& t) -> Status {
        for (const Change& change : changes) {
          SR_ASSIGN_OR_RETURN(std::vector<store::UseRow> rows,
                              t.dependents().UsesOf(change.key_id));
          store::UseRow* row = FindOrAdd(rows, change.key_id, change.version);
          row->issued -= std::min(row->issued, change.unused);
          row->last_issued = std::max(row->last_issued,
                                      Decode(change.live->last_issued.load()));
          row->last_opened = std::max(row->last_opened,
                                      Decode(change.live->last_opened.load()));
          SR_RETURN_IF_ERROR(t.dependents().PutUse(*row));
        }
        return OkStatus();
      });
  if (!stored.ok()) {
    for (const Change& change : changes) change.live->use_dirty.store(true);
  }
  return stored;
}

}  // namespace strongroom::keyring
