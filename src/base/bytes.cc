#include "strongroom/base/bytes.h"

#include <algorithm>

#include "base/text.h"

namespace strongroom {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kBase64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string WithoutSpace(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (!IsSpace(c)) out += c;
  }
  return out;
}

size_t PaddingOf(std::string_view s) {
  if (s.size() >= 2 && s.substr(s.size() - 2) == "==") return 2;
  return !s.empty() && s.back() == '=' ? 1 : 0;
}

}  // namespace

void AppendU16(Bytes* out, uint16_t value) {
  uint8_t b[2];
  StoreU16(b, value);
  Append(out, b);
}

void AppendU32(Bytes* out, uint32_t value) {
  uint8_t b[4];
  StoreU32(b, value);
  Append(out, b);
}

uint16_t LoadU16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] << 8 | p[1]);
}

uint32_t LoadU32(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 |
         uint32_t{p[3]};
}

void StoreU16(uint8_t* p, uint16_t value) {
  p[0] = static_cast<uint8_t>(value >> 8);
  p[1] = static_cast<uint8_t>(value);
}

void StoreU32(uint8_t* p, uint32_t value) {
  StoreU16(p, static_cast<uint16_t>(value >> 16));
  StoreU16(p + 2, static_cast<uint16_t>(value));
}

std::string ToHex(ByteView b) {
  std::string out;
  out.reserve(b.size() * 2);
  for (uint8_t byte : b) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::optional<Bytes> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    int high = HexValue(hex[i]);
    int low = HexValue(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return out;
}

std::string ToBase64(ByteView b) {
  std::string out;
  out.reserve((b.size() + 2) / 3 * 4);
  for (size_t i = 0; i < b.size(); i += 3) {
    size_t have = std::min<size_t>(3, b.size() - i);
    uint32_t group = uint32_t{b[i]} << 16;
    if (have > 1) group |= uint32_t{b[i + 1]} << 8;
    if (have > 2) group |= b[i + 2];
    out += kBase64[group >> 18];
    out += kBase64[group >> 12 & 63];
    out += have > 1 ? kBase64[group >> 6 & 63] : '=';
    out += have > 2 ? kBase64[group & 63] : '=';
  }
  return out;
}

std::optional<Bytes> FromBase64(std::string_view text) {
  std::string digits = WithoutSpace(text);
  if (digits.size() % 4 != 0) return std::nullopt;
  digits.resize(digits.size() - PaddingOf(digits));

  Bytes out;
  out.reserve(digits.size() * 3 / 4);
  uint32_t buffer = 0;
  int bits = 0;
  for (char c : digits) {
    int value = Base64Value(c);
    if (value < 0) return std::nullopt;
    buffer = buffer << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<uint8_t>(buffer >> bits));
  }
  // Spare bits must be zero: else two texts would mean the same bytes.
  if ((buffer & ((1u << bits) - 1)) != 0) return std::nullopt;
  return out;
}

bool IsUtf8(std::string_view s) {
  while (!s.empty()) {
    size_t size = Utf8CharSize(s);
    if (size == 0) return false;
    s.remove_prefix(size);
  }
  return true;
}

}  // namespace strongroom
