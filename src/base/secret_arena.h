// SecretArena: the memory behind SecretBytes.
//
// Blocks of 32 bytes .. 64 KiB, in powers of two, are cut from regions that are
// locked and kept out of dumps and forked children; regions are never given
// back. A larger block is a mapping of its own. Invariant: a free block is
// all zero but for the list's link in its first bytes.
// Thread-safe. There is one, and it is never destroyed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "strongroom/base/mutex.h"
#include "strongroom/base/secret_bytes.h"

namespace strongroom {

class SecretArena {
 public:
  static SecretArena& Get();

  struct Block {
    uint8_t* data;
    size_t capacity;  // what Free wants back
  };
  // Allocate gives at least size > 0 zero bytes. Ends the process if the
  // kernel has no memory left, as operator new does without exceptions.
  Block Allocate(size_t size);
  // Free wipes the block and takes it back.
  void Free(Block block);

  SecretArenaStats Stats();

 private:
  static constexpr size_t kSmallest = 32;
  static constexpr size_t kLargest = 64 * 1024;
  static constexpr size_t kClasses = 12;  // 32 << 11 == 64 KiB

  struct FreeBlock {
    FreeBlock* next;
  };
  // On cache lines of their own: classes are used by different threads.
  struct alignas(64) SizeClass {
    Mutex mutex;
    FreeBlock* free SR_GUARDED_BY(mutex) = nullptr;
    // Blocks of the newest region that were never handed out: [fresh, end).
    uint8_t* fresh SR_GUARDED_BY(mutex) = nullptr;
    uint8_t* fresh_end SR_GUARDED_BY(mutex) = nullptr;
    size_t blocks_in_use SR_GUARDED_BY(mutex) = 0;
  };

  static size_t ClassOf(size_t size);
  static size_t BlockSize(size_t size_class) { return kSmallest << size_class; }

  uint8_t* Take(SizeClass* c, size_t block_size) SR_REQUIRES(c->mutex);
  uint8_t* Map(size_t size);

  std::array<SizeClass, kClasses> classes_;
  std::atomic<size_t> large_in_use_{0};
  std::atomic<size_t> mapped_{0};
  std::atomic<bool> locked_{true};
};

}  // namespace strongroom
