#include "batching/intake.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "batching/refusals.h"

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

Intake::Intake(int max_partial, KekSource& source, const Clock& clock,
               Outstanding& outstanding, Answers& answers,
               WindowSealer& windows, Dispatcher& dispatcher)
    : max_partial_(std::max(1, max_partial)),
      source_(source),
      clock_(clock),
      outstanding_(outstanding),
      answers_(answers),
      windows_(windows),
      dispatcher_(dispatcher) {}

void Intake::Seal(std::unique_ptr<SealRequest> request) {
  const auto work =
      std::make_shared<SealWork>(std::move(request), clock_.Steady());
  outstanding_.Begin();
  const SealRequest& r = *work->request;
  std::vector<Entry> entries(1);
  Entry& entry = entries.front();
  entry.slice = {work, 0, static_cast<uint32_t>(r.items.size()), {}};
  work->unfinished.store(r.items.size());
  bool any = false;
  for (const SealItem& item : r.items) {
    any = any || item.status.ok();
    entry.bytes += item.secret.size() + item.context.size();
  }
  if (!any) return answers_.HandBack(*work);

  StatusOr<KekRef> primary = source_.Primary(r.key_id);
  if (!primary.ok()) {
    return answers_.Fail({entry.slice}, primary.status());
  }
  const model::BatchPolicy& policy = primary->policy;
  const bool window = policy.max_age.count() > 0;
  // The windows are for what comes in time and while the engine is open.
  if (window && !dispatcher_.closed() && work->deadline > work->submitted) {
    std::vector<Slice> slices(1, entry.slice);
    if (windows_.Seal(r.key_id, &slices, entry.slice.size())) return;
  }
  entry.group = {Operation::kSeal, r.key_id, {}};
  entry.rules = {std::clamp<size_t>(policy.max_items, 1, model::kMaxBatchItems),
                 window ? 1 : max_partial_};
  dispatcher_.Queue(std::move(entries));
}

void Intake::Open(std::unique_ptr<OpenRequest> request) {
  auto work = std::make_shared<OpenWork>(std::move(request), clock_.Steady());
  outstanding_.Begin();
  for (OpenItem& item : work->request->items) {
    // What cannot open needs no token for the answer.
    if (item.status.ok() &&
        (item.token.leaf.purpose != work->request->purpose ||
         !LegalSealedSize(item.token.header))) {
      item.status = NotAuthentic();
    }
  }
  QueueByHeader(std::move(work),
                [](OpenItem& item, size_t* bytes) -> envelope::Header& {
                  *bytes += item.token.leaf.sealed.size() + item.context.size();
                  return item.token.header;
                });
}

void Intake::Rewrap(std::unique_ptr<RewrapRequest> request) {
  auto work = std::make_shared<RewrapWork>(std::move(request), clock_.Steady());
  outstanding_.Begin();
  for (RewrapItem& item : work->request->items) {
    if (item.status.ok() && !LegalSealedSize(item.header)) {
      item.status = NotAuthentic();
    }
  }
  QueueByHeader(std::move(work),
                [](RewrapItem& item, size_t*) -> envelope::Header& {
                  return item.header;
                });
}

// Items whose headers are equal in every byte come together; neighbours, which
// often are, without serialising each.
template <typename WorkType, typename HeaderOf>
void Intake::QueueByHeader(std::shared_ptr<WorkType> work, HeaderOf header_of) {
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
  if (entries.empty()) return answers_.HandBack(*work);
  work->unfinished.store(queued);
  dispatcher_.Queue(std::move(entries));
}

}  // namespace strongroom::batching
