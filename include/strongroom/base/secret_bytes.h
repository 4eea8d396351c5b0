// SecretBytes: the only home of key bytes and plaintext.
//
// The memory is from one arena: locked (mlock, best effort), left out of core
// dumps, wiped in forked children and before reuse. The type moves and does not
// copy, compares in constant time and does not print. Only Expose() and
// ExposeMutable() give the bytes, so that grep finds each use of a secret.
// Thread rule: as a value; the arena itself is thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "strongroom/base/bytes.h"

namespace strongroom {

class SecretBytes {
 public:
  SecretBytes() = default;
  // SecretBytes(n) holds n zero bytes.
  explicit SecretBytes(size_t size);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  static SecretBytes CopyOf(ByteView bytes);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  ByteView Expose() const { return {data_, size_}; }
  MutableByteView ExposeMutable() { return {data_, size_}; }

  // Truncate keeps the first `size` bytes and wipes the rest. size <= size().
  void Truncate(size_t size);
  // Wipe wipes the bytes, gives the memory back and leaves size() 0.
  void Wipe();

  // Constant time in the contents; lengths are not secret.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b);

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;  // of the arena's block; Truncate leaves it
};

// EqualConstantTime compares contents without a data-dependent branch.
bool EqualConstantTime(ByteView a, ByteView b);

// WipeMemory overwrites memory; the compiler does not remove it. It is for
// secrets in buffers of foreign code (protobuf, PKCS#11).
void WipeMemory(void* data, size_t size);
// WipeString wipes contents up to capacity, then empties it.
void WipeString(std::string* s);

// SecretArenaStats is the state of the arena. `locked` is false if the system
// refused mlock (RLIMIT_MEMLOCK): a warning for the operator.
struct SecretArenaStats {
  size_t bytes_in_use = 0;
  size_t bytes_mapped = 0;
  bool locked = true;
};
SecretArenaStats GetSecretArenaStats();

}  // namespace strongroom
