#include "batching/windows.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace strongroom::batching {

Windows::Lease::Lease(Lease&& other) noexcept
    : owner_(other.owner_),
      window_(std::move(other.window_)),
      first_index_(other.first_index_) {}

Windows::Lease::~Lease() {
  if (window_ != nullptr) owner_->Return(window_);
}

uint64_t Windows::epoch() const {
  MutexLock lock(mutex_);
  return epoch_;
}

void Windows::Open(std::shared_ptr<Window> window, uint64_t epoch) {
  const Uuid key_id = window->kek.key_id;
  MutexLock lock(mutex_);
  if (epoch != epoch_) return;
  if (auto older = FindOpen(key_id)) Retire(older.get());
  Sweep(key_id);
  windows_[key_id].push_back(std::move(window));
  ++open_;
}

std::optional<Windows::Lease> Windows::Claim(const Uuid& key_id, size_t count,
                                             SteadyTime now) {
  std::shared_ptr<Window> window;
  {
    MutexLock lock(mutex_);
    window = FindOpen(key_id);
  }
  if (window == nullptr) return std::nullopt;
  // Between this answer and the claim a rotation may come; then its End finds
  // either the window, which the claim below sees, or a user, and waits.
  const bool current = source_.SealIsCurrent(window->kek);
  MutexLock lock(mutex_);
  if (window->ended) return std::nullopt;
  if (!current || now >= window->end) {
    Retire(window.get());
    Sweep(key_id);
    return std::nullopt;
  }
  if (count > window->limit - window->next_index) return std::nullopt;
  const uint32_t first = window->next_index;
  window->next_index += static_cast<uint32_t>(count);
  ++window->users;
  if (window->next_index == window->limit) Retire(window.get());
  return Lease(this, std::move(window), first);
}

void Windows::End(const Uuid& key_id) {
  MutexLock lock(mutex_);
  ++epoch_;
  auto found = windows_.find(key_id);
  if (found == windows_.end()) return;
  // Copied: others may add and remove while this waits.
  const KeyWindows ending = found->second;
  for (const auto& window : ending) Retire(window.get());
  for (const auto& window : ending) {
    while (window->users > 0) unused_.Wait(mutex_);
  }
  Sweep(key_id);
}

void Windows::EndAll() {
  std::vector<Uuid> keys;
  {
    MutexLock lock(mutex_);
    ++epoch_;
    for (const auto& [key_id, windows] : windows_) keys.push_back(key_id);
  }
  for (const Uuid& key_id : keys) End(key_id);
}

SteadyTime Windows::EndAged(SteadyTime now, SteadyTime until) {
  MutexLock lock(mutex_);
  SteadyTime next = until;
  for (auto key = windows_.begin(); key != windows_.end();) {
    KeyWindows& windows = key->second;
    for (const auto& window : windows) {
      if (window->ended) continue;
      if (now >= window->end) {
        Retire(window.get());
      } else {
        next = std::min(next, window->end);
      }
    }
    std::erase_if(windows, [](const auto& window) {
      return window->ended && window->users == 0;
    });
    key = windows.empty() ? windows_.erase(key) : std::next(key);
  }
  return next;
}

size_t Windows::open() const {
  MutexLock lock(mutex_);
  return open_;
}

std::shared_ptr<Windows::Window> Windows::FindOpen(const Uuid& key_id) {
  auto found = windows_.find(key_id);
  if (found == windows_.end()) return nullptr;
  for (const auto& window : found->second) {
    if (!window->ended) return window;
  }
  return nullptr;
}

void Windows::Retire(Window* window) {
  if (!window->ended) {
    window->ended = true;
    --open_;
  }
  if (window->users == 0) window->batch_key.Wipe();
}

void Windows::Sweep(const Uuid& key_id) {
  auto found = windows_.find(key_id);
  if (found == windows_.end()) return;
  std::erase_if(found->second, [](const auto& window) {
    return window->ended && window->users == 0;
  });
  if (found->second.empty()) windows_.erase(found);
}

void Windows::Return(const std::shared_ptr<Window>& window) {
  MutexLock lock(mutex_);
  --window->users;
  if (!window->ended || window->users > 0) return;
  Retire(window.get());
  Sweep(window->kek.key_id);
  unused_.SignalAll();
}

}  // namespace strongroom::batching
