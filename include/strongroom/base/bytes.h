// Byte strings: views, owners, text forms, and big-endian reading and writing.
// For secrets use SecretBytes (secret_bytes.h), never Bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strongroom {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
using MutableByteView = std::span<uint8_t>;

inline ByteView AsBytes(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}
inline std::string_view AsText(ByteView b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}
inline Bytes ToBytes(ByteView b) { return Bytes(b.begin(), b.end()); }

inline void Append(Bytes* out, ByteView b) {
  out->insert(out->end(), b.begin(), b.end());
}
void AppendU16(Bytes* out, uint16_t value);
void AppendU32(Bytes* out, uint32_t value);
uint16_t LoadU16(const uint8_t* p);
uint32_t LoadU32(const uint8_t* p);
void StoreU16(uint8_t* p, uint16_t value);
void StoreU32(uint8_t* p, uint32_t value);

// Lower-case hex; FromHex takes both cases and refuses anything else.
std::string ToHex(ByteView b);
std::optional<Bytes> FromHex(std::string_view hex);

// RFC 4648 base64 with padding. FromBase64 skips ASCII white space; it gives
// nullopt for another alphabet, wrong padding or spare bits.
std::string ToBase64(ByteView b);
std::optional<Bytes> FromBase64(std::string_view text);

// IsUtf8 is true for well-formed UTF-8 (no surrogates, no overlong forms).
bool IsUtf8(std::string_view s);

}  // namespace strongroom
