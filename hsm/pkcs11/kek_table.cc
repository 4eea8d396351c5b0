#include "hsm/pkcs11/kek_table.h"

namespace strongroom::hsm {

Status KekNotOnToken(const Uuid& kek, std::string_view found) {
  return Error(Reason::kKekNotOnToken,
               "KEK " + kek.ToString() +
                   " is not usable on the token: " + std::string(found) +
                   "; restore the token or the store that belong together");
}

KekTable::Entry KekTable::Get(const Uuid& id) const {
  MutexLock lock(mutex_);
  auto found = entries_.find(id);
  Entry entry = found == entries_.end() ? Entry() : found->second;
  entry.doubts = doubts_;
  return entry;
}

void KekTable::ReplaceHandles(const std::map<Uuid, CK_OBJECT_HANDLE>& handles) {
  MutexLock lock(mutex_);
  Unprove();
  for (auto& [id, entry] : entries_) entry.handle.reset();
  for (const auto& [id, handle] : handles) entries_[id].handle = handle;
}

void KekTable::DoubtAll() {
  MutexLock lock(mutex_);
  Unprove();
}

void KekTable::Unprove() {
  ++doubts_;
  for (auto& [id, entry] : entries_) {
    entry.proved = false;
    entry.refuted = false;
    // Nothing could prove it: it is found by its id again.
    if (entry.known_answer == nullptr) entry.handle.reset();
  }
}

void KekTable::SetHandle(const Uuid& id, CK_OBJECT_HANDLE handle,
                         const Entry& with) {
  MutexLock lock(mutex_);
  if (doubts_ != with.doubts) return;
  Entry& entry = entries_[id];
  if (entry.handle != handle) entry.proved = false;
  entry.handle = handle;
}

void KekTable::DropHandle(const Uuid& id, CK_OBJECT_HANDLE handle) {
  MutexLock lock(mutex_);
  auto found = entries_.find(id);
  if (found == entries_.end() || found->second.handle != handle) return;
  found->second.handle.reset();
  found->second.proved = false;
}

void KekTable::MarkProved(const Uuid& id, CK_OBJECT_HANDLE handle,
                          const Entry& with) {
  MutexLock lock(mutex_);
  Entry* entry = Same(id, with);
  if (entry == nullptr) return;
  entry->handle = handle;
  entry->proved = true;
  entry->refuted = false;
  entry->missing = false;
}

void KekTable::MarkRefuted(const Uuid& id, const Entry& with) {
  MutexLock lock(mutex_);
  Entry* entry = Same(id, with);
  if (entry == nullptr) return;
  entry->proved = false;
  entry->refuted = true;
  entry->missing = true;
}

void KekTable::MarkMissing(const Uuid& id, const Entry& with) {
  MutexLock lock(mutex_);
  Entry* entry = Same(id, with);
  if (entry == nullptr) return;
  entry->handle.reset();
  entry->missing = entry->known_answer != nullptr;
}

KekTable::Entry* KekTable::Same(const Uuid& id, const Entry& with) {
  auto found = entries_.find(id);
  if (found == entries_.end() || doubts_ != with.doubts) return nullptr;
  Entry& entry = found->second;
  return entry.known_answer == with.known_answer ? &entry : nullptr;
}

void KekTable::Doubt(const Uuid& id) {
  MutexLock lock(mutex_);
  auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.proved = false;
  found->second.refuted = false;
}

void KekTable::Created(const Uuid& id, CK_OBJECT_HANDLE handle) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[id] = Entry();
  entry.handle = handle;
}

void KekTable::Adopt(const KekReference& kek) {
  auto known_answer = std::make_shared<const KnownAnswer>(kek.known_answer);
  MutexLock lock(mutex_);
  Entry& entry = entries_[kek.id];
  entry.known_answer = std::move(known_answer);
  entry.proved = false;
  entry.refuted = false;
  entry.forgotten = false;
  entry.missing = false;
}

void KekTable::Forget(const Uuid& id) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[id] = Entry();
  entry.forgotten = true;
}

void KekTable::Destroyed(const Uuid& id) {
  MutexLock lock(mutex_);
  entries_.erase(id);
}

KekTable::Counts KekTable::Census() const {
  MutexLock lock(mutex_);
  Counts counts;
  for (const auto& [id, entry] : entries_) {
    counts.adopted += entry.known_answer != nullptr;
    counts.missing += entry.missing;
  }
  return counts;
}

std::optional<Uuid> KekTable::NextToProbe() {
  MutexLock lock(mutex_);
  std::optional<Uuid> first, next;
  for (const auto& [id, entry] : entries_) {
    if (entry.known_answer == nullptr) continue;
    if (!first || id < *first) first = id;
    if (probed_ < id && (!next || id < *next)) next = id;
  }
  if (!next) next = first;
  probed_ = next.value_or(Uuid());
  return next;
}

}  // namespace strongroom::hsm
