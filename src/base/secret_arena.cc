#include "base/secret_arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <limits>

#if defined(__SANITIZE_ADDRESS__)
#define SR_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SR_HAS_ASAN 1
#endif
#endif
#if defined(SR_HAS_ASAN)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(data, size) ((void)(data), (void)(size))
#endif

namespace strongroom {
namespace {

constexpr size_t kRegionSize = 64 * 1024;

[[noreturn]] void OutOfMemory(size_t size) {
  std::fprintf(stderr, "strongroom: no memory for a secret of %zu bytes\n",
               size);
  std::abort();
}

size_t RoundToPages(size_t size) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (size > std::numeric_limits<size_t>::max() - page) OutOfMemory(size);
  return (size + page - 1) / page * page;
}

}  // namespace

SecretArena& SecretArena::Get() {
  static SecretArena& arena = *new SecretArena;
  return arena;
}

size_t SecretArena::ClassOf(size_t size) {
  if (size <= kSmallest) return 0;
  return static_cast<size_t>(std::bit_width(size - 1) -
                             std::bit_width(kSmallest - 1));
}

SecretArena::Block SecretArena::Allocate(size_t size) {
  Block block{nullptr, 0};
  if (size > kLargest) {
    block.capacity = RoundToPages(size);
    block.data = Map(block.capacity);
    large_in_use_.fetch_add(block.capacity, std::memory_order_relaxed);
  } else {
    size_t index = ClassOf(size);
    block.capacity = BlockSize(index);
    SizeClass& c = classes_[index];
    MutexLock lock(c.mutex);
    block.data = Take(&c, block.capacity);
    ++c.blocks_in_use;
  }
  // What lies behind `size` stays poisoned: an overrun is reported.
  ASAN_POISON_MEMORY_REGION(block.data, block.capacity);
  ASAN_UNPOISON_MEMORY_REGION(block.data, size);
  return block;
}

void SecretArena::Free(Block block) {
  ASAN_UNPOISON_MEMORY_REGION(block.data, block.capacity);
  WipeMemory(block.data, block.capacity);
  if (block.capacity > kLargest) {
    munmap(block.data, block.capacity);
    large_in_use_.fetch_sub(block.capacity, std::memory_order_relaxed);
    mapped_.fetch_sub(block.capacity, std::memory_order_relaxed);
    return;
  }
  SizeClass& c = classes_[ClassOf(block.capacity)];
  MutexLock lock(c.mutex);
  auto* free = reinterpret_cast<FreeBlock*>(block.data);
  free->next = c.free;
  c.free = free;
  --c.blocks_in_use;
  ASAN_POISON_MEMORY_REGION(block.data, block.capacity);
}

uint8_t* SecretArena::Take(SizeClass* c, size_t block_size) {
  if (c->free != nullptr) {
    FreeBlock* block = c->free;
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof(FreeBlock));
    c->free = block->next;
    block->next = nullptr;
    return reinterpret_cast<uint8_t*>(block);
  }
  if (c->fresh == c->fresh_end) {
    size_t size = std::max(kRegionSize, 4 * block_size);
    c->fresh = Map(size);
    c->fresh_end = c->fresh + size;
    ASAN_POISON_MEMORY_REGION(c->fresh, size);
  }
  uint8_t* block = c->fresh;
  c->fresh += block_size;
  return block;
}

uint8_t* SecretArena::Map(size_t size) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) OutOfMemory(size);
  // mlock2 without flags is mlock, but sanitizers do not make it do nothing.
  if (mlock2(data, size, 0) != 0)
    locked_.store(false, std::memory_order_relaxed);
  // Older kernels know neither; then the documented process-wide settings
  // (no core dumps, no fork after start) are what is left.
  madvise(data, size, MADV_DONTDUMP);
  madvise(data, size, MADV_WIPEONFORK);
  mapped_.fetch_add(size, std::memory_order_relaxed);
  return static_cast<uint8_t*>(data);
}

SecretArenaStats SecretArena::Stats() {
  SecretArenaStats stats;
  stats.bytes_in_use = large_in_use_.load(std::memory_order_relaxed);
  stats.bytes_mapped = mapped_.load(std::memory_order_relaxed);
  stats.locked = locked_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < kClasses; ++i) {
    MutexLock lock(classes_[i].mutex);
    stats.bytes_in_use += classes_[i].blocks_in_use * BlockSize(i);
  }
  return stats;
}

}  // namespace strongroom
