// SealLedger: how many seals a KEK has made (or wraps a version has issued), as
// an upper bound that survives any crash.
//
// Seals are reserved in the store in blocks ahead of use; here is what is left
// of them. A crash loses the rest of a block: it can only over-count.
#pragma once

#include <atomic>
#include <cstdint>

#include "strongroom/base/mutex.h"

namespace strongroom::keyring {

// Thread-safe. Counting is lock-free.
class SealLedger {
 public:
  // `total` is what the store has reserved, `left` how much of it is still to
  // be used by this process.
  SealLedger(uint64_t total, uint64_t left) : total_(total), left_(left) {}

  // Count takes `seals`; false, and nothing, if not so many are left.
  bool Count(uint64_t seals = 1) {
    uint64_t left = left_.load();
    while (left >= seals) {
      if (left_.compare_exchange_weak(left, left - seals)) return true;
    }
    return false;
  }
  // TakeBack takes all that is left out of use, and says how much it was.
  uint64_t TakeBack() {
    const uint64_t left = left_.exchange(0);
    total_.fetch_sub(left);
    return left;
  }

  // Grant adds `granted` seals that the store has reserved durably, which
  // brought its total to `total`.
  void Grant(uint64_t total, uint64_t granted) {
    uint64_t known = total_.load();
    while (known < total && !total_.compare_exchange_weak(known, total)) {
    }
    left_.fetch_add(granted);
  }

  uint64_t left() const { return left_.load(); }
  uint64_t total() const { return total_.load(); }
  // Counted is never lower than what was used: `left_` is read first, as Grant
  // writes it last.
  uint64_t Counted() const {
    const uint64_t left = left_.load();
    return total_.load() - left;
  }

  // Held while one caller reserves, so that the others wait for its block
  // instead of reserving one each.
  Mutex& reserving() { return reserving_; }

 private:
  std::atomic<uint64_t> total_;
  std::atomic<uint64_t> left_;
  Mutex reserving_;
};

}  // namespace strongroom::keyring
