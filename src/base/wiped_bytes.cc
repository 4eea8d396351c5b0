#include "strongroom/base/wiped_bytes.h"

#include <cstring>

#include "strongroom/base/secret_bytes.h"

namespace strongroom {

WipedBytes::WipedBytes(size_t size)
    : block_(std::make_unique_for_overwrite<uint8_t[]>(kHead + size)) {
  std::memcpy(block_.get(), &size, kHead);
}

WipedBytes& WipedBytes::operator=(WipedBytes&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  block_ = std::move(other.block_);
  return *this;
}

size_t WipedBytes::size() const {
  size_t size = 0;
  if (block_ != nullptr) std::memcpy(&size, block_.get(), kHead);
  return size;
}

WipedBytes WipedBytes::Reclaim(void* released) {
  WipedBytes bytes;
  bytes.block_.reset(static_cast<uint8_t*>(released));
  return bytes;
}

void WipedBytes::Wipe() {
  if (block_ != nullptr) WipeMemory(data(), size());
}

}  // namespace strongroom
