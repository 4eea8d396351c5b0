// Names and ids: key names, UUIDs, labels. A KeyName and a Uuid are well formed
// by construction: they are parsed once, at the edge.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom {

// Uuid is 16 bytes; random ones are RFC 4122 version 4.
class Uuid {
 public:
  static constexpr size_t kSize = 16;
  Uuid() : bytes_{} {}
  explicit Uuid(const std::array<uint8_t, kSize>& bytes) : bytes_(bytes) {}

  static Uuid Random();
  // FromBytes wants exactly 16 bytes; ARGUMENT_INVALID otherwise.
  static StatusOr<Uuid> FromBytes(ByteView bytes);
  // Parse takes 8-4-4-4-12 hex; ARGUMENT_INVALID otherwise.
  static StatusOr<Uuid> Parse(std::string_view text);

  std::string ToString() const;
  ByteView bytes() const { return bytes_; }
  const std::array<uint8_t, kSize>& array() const { return bytes_; }
  bool IsNil() const { return *this == Uuid(); }

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
  friend bool operator==(const Uuid&, const Uuid&) = default;

 private:
  std::array<uint8_t, kSize> bytes_;
};

// KeyName: segments of [a-z0-9][a-z0-9._-]* joined by '/', 1..128 bytes.
class KeyName {
 public:
  static constexpr size_t kMaxSize = 128;
  // Parse fails NAME_INVALID, saying which rule was broken and where.
  static StatusOr<KeyName> Parse(std::string_view text);

  const std::string& ToString() const { return text_; }
  friend auto operator<=>(const KeyName&, const KeyName&) = default;
  friend bool operator==(const KeyName&, const KeyName&) = default;

 private:
  explicit KeyName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// Labels: at most 64 pairs; keys [a-z][a-z0-9_-]{0,62}, values
// [a-z0-9_-]{0,63} (Google Cloud's rule). ARGUMENT_INVALID otherwise.
using Labels = std::map<std::string, std::string>;
Status ValidateLabels(const Labels& labels);

}  // namespace strongroom

template <>
struct std::hash<strongroom::Uuid> {
  size_t operator()(const strongroom::Uuid& id) const noexcept;
};
