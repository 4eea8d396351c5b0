#include "hsm/pkcs11/kek_table.h"

namespace strongroom::hsm {

KekTable::Entry KekTable::Get(const Uuid& id) const {
  MutexLock lock(mutex_);
  auto found = entries_.find(id);
  return found == entries_.end() ? Entry() : found->second;
}

void KekTable::ReplaceHandles(const std::map<Uuid, CK_OBJECT_HANDLE>& handles) {
  MutexLock lock(mutex_);
  for (auto& [id, entry] : entries_) {
    entry.handle.reset();
    entry.proved = false;
    entry.refuted = false;
  }
  for (const auto& [id, handle] : handles) entries_[id].handle = handle;
}

void KekTable::SetHandle(const Uuid& id, CK_OBJECT_HANDLE handle) {
  MutexLock lock(mutex_);
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
                          const KnownAnswer* with) {
  MutexLock lock(mutex_);
  auto found = entries_.find(id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (entry.known_answer.get() != with) return;
  entry.handle = handle;
  entry.proved = true;
  entry.refuted = false;
}

void KekTable::MarkRefuted(const Uuid& id, const KnownAnswer* with) {
  MutexLock lock(mutex_);
  auto found = entries_.find(id);
  if (found == entries_.end()) return;
  if (found->second.known_answer.get() != with) return;
  found->second.proved = false;
  found->second.refuted = true;
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
  entries_[id] = Entry{handle, nullptr, false, false, false};
}

void KekTable::Adopt(const KekReference& kek) {
  auto known_answer = std::make_shared<const KnownAnswer>(kek.known_answer);
  MutexLock lock(mutex_);
  Entry& entry = entries_[kek.id];
  entry.known_answer = std::move(known_answer);
  entry.proved = false;
  entry.refuted = false;
  entry.forgotten = false;
}

void KekTable::Forget(const Uuid& id) {
  MutexLock lock(mutex_);
  entries_[id] = Entry{{}, nullptr, false, false, true};
}

void KekTable::Destroyed(const Uuid& id) {
  MutexLock lock(mutex_);
  entries_.erase(id);
}

}  // namespace strongroom::hsm
