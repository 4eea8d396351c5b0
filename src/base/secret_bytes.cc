#include "strongroom/base/secret_bytes.h"

#include <cstring>
#include <utility>

#include "base/secret_arena.h"

namespace strongroom {

SecretBytes::SecretBytes(size_t size) {
  if (size == 0) return;
  SecretArena::Block block = SecretArena::Get().Allocate(size);
  data_ = block.data;
  capacity_ = block.capacity;
  size_ = size;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  Wipe();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

SecretBytes::~SecretBytes() { Wipe(); }

SecretBytes SecretBytes::CopyOf(ByteView bytes) {
  SecretBytes copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data_, bytes.data(), bytes.size());
  return copy;
}

void SecretBytes::Truncate(size_t size) {
  if (size >= size_) return;
  WipeMemory(data_ + size, size_ - size);
  size_ = size;
}

void SecretBytes::Wipe() {
  if (data_ == nullptr) return;
  SecretArena::Get().Free({data_, capacity_});
  data_ = nullptr;
  size_ = 0;
  capacity_ = 0;
}

bool operator==(const SecretBytes& a, const SecretBytes& b) {
  return EqualConstantTime(a.Expose(), b.Expose());
}

bool EqualConstantTime(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  uint32_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  // The compiler must not know that the sum is all that is asked for, or it
  // might leave the loop at the first difference.
  __asm__ volatile("" : "+r"(difference) : : "memory");
  return difference == 0;
}

void WipeMemory(void* data, size_t size) {
  if (size != 0) explicit_bzero(data, size);
}

void WipeString(std::string* s) {
  // Growing to the capacity does not move the bytes, and makes the part behind
  // the end, where an older, longer value may lie, ours to write.
  s->resize(s->capacity());
  WipeMemory(s->data(), s->size());
  s->clear();
}

SecretArenaStats GetSecretArenaStats() { return SecretArena::Get().Stats(); }

}  // namespace strongroom
