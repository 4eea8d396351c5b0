// WipedBytes: memory that is wiped when it is let go, for answers on their way
// out. It is not locked as SecretBytes is, and so may be large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "strongroom/base/bytes.h"

namespace strongroom {

// A value, move-only.
class WipedBytes {
 public:
  WipedBytes() = default;
  // Holds `size` bytes that are not set.
  explicit WipedBytes(size_t size);
  WipedBytes(WipedBytes&&) noexcept = default;
  WipedBytes& operator=(WipedBytes&& other) noexcept;
  ~WipedBytes() { Wipe(); }

  size_t size() const;
  uint8_t* data() { return block_ ? block_.get() + kHead : nullptr; }
  const uint8_t* data() const {
    return block_ ? block_.get() + kHead : nullptr;
  }
  ByteView view() const { return {data(), size()}; }

  // Release leaves the memory to a library that keeps one pointer to it and
  // gives that back at the end, to Reclaim. Null of an empty value.
  void* Release() { return block_.release(); }
  static WipedBytes Reclaim(void* released);

 private:
  static constexpr size_t kHead = sizeof(size_t);
  void Wipe();

  // The size, and behind it the bytes.
  std::unique_ptr<uint8_t[]> block_;
};

}  // namespace strongroom
