// How requests come in: checked, grouped, queued or refused.
#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "batching/core.h"

namespace strongroom::batching {
namespace {

bool LegalSealedSize(const envelope::Header& header) {
  return header.sealed.size() == envelope::kSealedSizeIv12 ||
         header.sealed.size() == envelope::kSealedSizeIv16;
}

std::string Serialised(const envelope::Header& header) {
  return std::string(AsText(envelope::SerializeHeader(header)));
}

}  // namespace

void Core::Seal(std::unique_ptr<SealRequest> request) {
  const Hold hold(shared_from_this());
  auto* work = new SealWork(std::move(request), Now());
  outstanding_.fetch_add(1);
  SealRequest& r = *work->request;
  std::vector<Entry> entries(1);
  Entry& entry = entries.front();
  entry.slice = {work, 0, static_cast<uint32_t>(r.items.size()), {}};
  work->unfinished.store(r.items.size());
  bool any = false;
  for (const SealItem& item : r.items) {
    any = any || item.status.ok();
    entry.bytes += item.secret.size() + item.context.size();
  }
  if (!any) return FinishItems(work, r.items.size());

  StatusOr<KekRef> primary = source_.Primary(r.key_id);
  if (!primary.ok()) return FailEntries(entries, primary.status());
  const BatchPolicy& policy = primary->policy;
  const bool window = policy.max_age.count() > 0;
  // The windows are for what comes in time and while the engine is open.
  if (window && !closed_.load() && work->deadline > work->submitted) {
    std::vector<Slice> slices(1, entry.slice);
    if (SealInWindow(r.key_id, slices, slices.front().size())) return;
  }
  entry.group = {Operation::kSeal, r.key_id, {}};
  entry.rules = {std::clamp<size_t>(policy.max_items, 1, kMaxBatchItems),
                 window ? 1 : max_partial_};
  Queue(std::move(entries));
}

void Core::Open(std::unique_ptr<OpenRequest> request) {
  const Hold hold(shared_from_this());
  auto* work = new OpenWork(std::move(request), Now());
  outstanding_.fetch_add(1);
  for (OpenItem& item : work->request->items) {
    // What cannot open needs no token for the answer.
    if (item.status.ok() &&
        (item.token.leaf.purpose != work->request->purpose ||
         !LegalSealedSize(item.token.header))) {
      item.status = NotAuthentic();
    }
  }
  std::vector<Entry> entries = GroupByHeader(
      work, [](OpenItem& item, size_t* bytes) -> envelope::Header& {
        *bytes += item.token.leaf.sealed.size() + item.context.size();
        return item.token.header;
      });
  if (entries.empty()) return FinishItems(work, 0);
  Queue(std::move(entries));
}

void Core::Rewrap(std::unique_ptr<RewrapRequest> request) {
  const Hold hold(shared_from_this());
  auto* work = new RewrapWork(std::move(request), Now());
  outstanding_.fetch_add(1);
  for (RewrapItem& item : work->request->items) {
    if (item.status.ok() && !LegalSealedSize(item.header)) {
      item.status = NotAuthentic();
    }
  }
  std::vector<Entry> entries =
      GroupByHeader(work, [](RewrapItem& item, size_t*) -> envelope::Header& {
        return item.header;
      });
  if (entries.empty()) return FinishItems(work, 0);
  Queue(std::move(entries));
}

// Items whose headers are equal in every byte come together; neighbours, which
// often are, without serialising each.
template <typename WorkType, typename HeaderOf>
std::vector<Core::Entry> Core::GroupByHeader(WorkType* work,
                                             HeaderOf header_of) {
  std::vector<Entry> entries;
  std::unordered_map<std::string, size_t> by_header;
  auto& items = work->request->items;
  const envelope::Header* last = nullptr;
  size_t at = 0;
  size_t queued = 0;
  for (uint32_t i = 0; i < items.size(); ++i) {
    if (!items[i].status.ok()) continue;
    size_t bytes = 0;
    const envelope::Header& header = header_of(items[i], &bytes);
    if (last == nullptr || !(*last == header)) {
      std::string id = Serialised(header);
      at = by_header.try_emplace(id, entries.size()).first->second;
      if (at == entries.size()) {
        Entry& entry = entries.emplace_back();
        entry.group = {work->operation, header.key_id, std::move(id)};
        entry.rules = {SIZE_MAX, max_partial_};
        entry.slice.work = work;
      }
      last = &header;
    }
    entries[at].slice.list.push_back(i);
    ++entries[at].slice.end;
    entries[at].bytes += bytes;
    ++queued;
  }
  work->unfinished.store(queued);
  return entries;
}

void Core::Queue(std::vector<Entry> entries) {
  const Status refused = TryQueue(entries);
  if (!refused.ok()) return FailEntries(entries, refused);
  Pump();
}

Status Core::TryQueue(std::vector<Entry>& entries) {
  const WorkClass work_class = entries.front().slice.work->work_class;
  if (work_class == WorkClass::kForeground) foreground_at_.store(Now());
  size_t items = 0;
  size_t bytes = 0;
  for (const Entry& entry : entries) {
    items += entry.slice.size();
    bytes += entry.bytes;
  }
  MutexLock lock(mutex_);
  if (closed_.load()) {
    return Error(Reason::kDraining,
                 "the service is shutting down; send the request elsewhere or "
                 "again later");
  }
  const size_t waiting = queues_.items(work_class);
  if (waiting + items > options_.max_queued_items ||
      queues_.bytes(work_class) + bytes > options_.max_queued_bytes) {
    return Error(Reason::kQueueFull,
                 std::to_string(waiting) + " items wait for the token and " +
                     std::to_string(items) + " more do not fit; want at most " +
                     std::to_string(options_.max_queued_items) + " items and " +
                     std::to_string(options_.max_queued_bytes) +
                     " bytes: try again after the given delay",
                 options_.retry_after);
  }
  for (Entry& entry : entries) {
    queues_.Push(entry.group, entry.rules, std::move(entry.slice), entry.bytes);
  }
  return OkStatus();
}

void Core::FailEntries(std::vector<Entry>& entries, const Status& status) {
  std::vector<Slice> slices;
  slices.reserve(entries.size());
  for (Entry& entry : entries) slices.push_back(std::move(entry.slice));
  Fail(slices, status);
}

}  // namespace strongroom::batching
