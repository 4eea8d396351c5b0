// Windows: batch keys that stay open for max_age, so that leaves can be sealed
// without a token operation.
//
// A window gives out index ranges, each once; the leaves of a range share one
// salt. At most one window per key is open. A window ends when its leaves or
// its age are used up, when a newer one takes its place, when its KEK is no
// longer the one that seals, or by End; its batch key is wiped as soon as
// nobody seals under it.
// Thread rule: every member may be called from any thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/batching/kek_source.h"

namespace strongroom::batching {

class Windows {
 public:
  // Window is what Open is given. Immutable but for Windows' own members.
  struct Window {
    KekRef kek;
    Uuid batch_id;
    std::shared_ptr<const Bytes> header;
    SecretBytes batch_key;
    SteadyTime end;
    uint32_t next_index = 0;
    uint32_t limit = 0;  // indices below it may be used

   private:
    friend class Windows;
    bool ended = false;
    int users = 0;
  };

  // Lease is the right to seal leaves first_index .. first_index + count.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    const Window& window() const { return *window_; }
    uint32_t first_index() const { return first_index_; }

   private:
    friend class Windows;
    Lease(Windows* owner, std::shared_ptr<Window> window, uint32_t first)
        : owner_(owner), window_(std::move(window)), first_index_(first) {}
    Windows* owner_;
    std::shared_ptr<Window> window_;
    uint32_t first_index_;
  };

  explicit Windows(KekSource& source) : source_(source) {}

  // epoch changes whenever End is called. Read it before asking for the KEK.
  uint64_t epoch() const SR_EXCLUDES(mutex_);

  // Open publishes a window, unless End was called since `epoch` was read.
  void Open(std::shared_ptr<Window> window, uint64_t epoch) SR_EXCLUDES(mutex_);
  // Claim gives a lease on `count` leaves, all or nothing.
  std::optional<Lease> Claim(const Uuid& key_id, size_t count, SteadyTime now)
      SR_EXCLUDES(mutex_);

  // End ends the key's windows and returns when nobody seals under them.
  void End(const Uuid& key_id) SR_EXCLUDES(mutex_);
  void EndAll() SR_EXCLUDES(mutex_);
  // EndAged ends those whose time is over; when the next one's is, or `until`.
  SteadyTime EndAged(SteadyTime now, SteadyTime until) SR_EXCLUDES(mutex_);

  size_t open() const SR_EXCLUDES(mutex_);

 private:
  // What a key has: at most one window is open, ended ones may have users.
  using KeyWindows = std::list<std::shared_ptr<Window>>;

  std::shared_ptr<Window> FindOpen(const Uuid& key_id) SR_REQUIRES(mutex_);
  // Retire ends a window and wipes it if it has no users (any more).
  void Retire(Window* window) SR_REQUIRES(mutex_);
  void Sweep(const Uuid& key_id) SR_REQUIRES(mutex_);
  void Return(const std::shared_ptr<Window>& window) SR_EXCLUDES(mutex_);

  KekSource& source_;
  // Guards every key's windows, and each Window's next_index, ended, users and
  // the life of its batch key. Lease users read the rest of a Window without
  // it.
  // Under it: batch keys are wiped; nothing else is called. Taken inside it:
  // the secret arena's alone. End waits on it (unused_) until no lease is left.
  mutable Mutex mutex_;
  CondVar unused_;
  uint64_t epoch_ SR_GUARDED_BY(mutex_) = 0;
  size_t open_ SR_GUARDED_BY(mutex_) = 0;
  std::unordered_map<Uuid, KeyWindows> windows_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::batching
