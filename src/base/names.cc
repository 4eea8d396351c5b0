#include "strongroom/base/names.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "strongroom/base/random.h"

namespace strongroom {
namespace {

constexpr size_t kUuidTextSize = 36;
constexpr size_t kMaxLabels = 64;
constexpr size_t kMaxLabelSize = 63;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsDashAt(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

bool IsLabelChar(char c) {
  return IsLower(c) || IsDigit(c) || c == '_' || c == '-';
}

Status NameError(std::string_view text, std::string_view fault) {
  std::string message = "key name ";
  message += Quote(text);
  message += ": ";
  message += fault;
  message +=
      "; want segments of [a-z0-9][a-z0-9._-]* joined by '/', 1 to 128 bytes";
  return Error(Reason::kNameInvalid, message);
}

std::string AtByte(size_t index) {
  return " at byte " + std::to_string(index + 1);
}

Status LabelError(std::string_view what, std::string_view found,
                  std::string_view wanted) {
  std::string message(what);
  message += " ";
  message += Quote(found);
  message += "; want ";
  message += wanted;
  return Error(Reason::kArgumentInvalid, message);
}

bool IsLabelKey(std::string_view key) {
  return !key.empty() && key.size() <= kMaxLabelSize && IsLower(key[0]) &&
         std::all_of(key.begin(), key.end(), IsLabelChar);
}

bool IsLabelValue(std::string_view value) {
  return value.size() <= kMaxLabelSize &&
         std::all_of(value.begin(), value.end(), IsLabelChar);
}

}  // namespace

Uuid Uuid::Random() {
  std::array<uint8_t, kSize> bytes;
  FillRandom(bytes);
  // RFC 4122, section 4.4: the version and the variant.
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  return Uuid(bytes);
}

StatusOr<Uuid> Uuid::FromBytes(ByteView bytes) {
  if (bytes.size() != kSize) {
    return Error(Reason::kArgumentInvalid,
                 "UUID has " + std::to_string(bytes.size()) + " bytes; want " +
                     std::to_string(kSize));
  }
  std::array<uint8_t, kSize> array;
  std::copy(bytes.begin(), bytes.end(), array.begin());
  return Uuid(array);
}

StatusOr<Uuid> Uuid::Parse(std::string_view text) {
  std::string hex;
  bool dashes_right = text.size() == kUuidTextSize;
  for (size_t i = 0; dashes_right && i < text.size(); ++i) {
    if (IsDashAt(i)) {
      dashes_right = text[i] == '-';
    } else {
      hex += text[i];
    }
  }
  std::optional<Bytes> bytes;
  if (dashes_right) bytes = FromHex(hex);
  if (!bytes.has_value()) {
    return Error(Reason::kArgumentInvalid,
                 "UUID " + Quote(text) +
                     "; want hexadecimal digits in groups of 8-4-4-4-12");
  }
  return FromBytes(*bytes);
}

std::string Uuid::ToString() const {
  std::string text = ToHex(bytes_);
  for (size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

StatusOr<KeyName> KeyName::Parse(std::string_view text) {
  if (text.empty()) return NameError(text, "it is empty");
  if (text.size() > kMaxSize) {
    return NameError(text, "it has " + std::to_string(text.size()) + " bytes");
  }
  bool at_start = true;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '/') {
      if (at_start) return NameError(text, "empty segment" + AtByte(i));
      at_start = true;
      continue;
    }
    bool plain = IsLower(c) || IsDigit(c);
    bool mark = c == '.' || c == '_' || c == '-';
    if (!plain && !mark) {
      return NameError(text, "character not allowed" + AtByte(i));
    }
    if (mark && at_start) {
      return NameError(
          text, std::string("segment begins with '") + c + "'" + AtByte(i));
    }
    at_start = false;
  }
  if (at_start) return NameError(text, "it ends with '/'");
  return KeyName(std::string(text));
}

Status ValidateLabels(const Labels& labels) {
  if (labels.size() > kMaxLabels) {
    return Error(Reason::kArgumentInvalid, std::to_string(labels.size()) +
                                               " labels; want at most " +
                                               std::to_string(kMaxLabels));
  }
  for (const auto& [key, value] : labels) {
    if (!IsLabelKey(key)) {
      return LabelError("label key", key, "[a-z][a-z0-9_-]{0,62}");
    }
    if (!IsLabelValue(value)) {
      return LabelError("value of label " + key, value, "[a-z0-9_-]{0,63}");
    }
  }
  return OkStatus();
}

}  // namespace strongroom

size_t std::hash<strongroom::Uuid>::operator()(
    const strongroom::Uuid& id) const noexcept {
  uint64_t half[2];
  std::memcpy(half, id.array().data(), sizeof(half));
  // Ids are random in production, but tests count them up: mix both halves.
  uint64_t mixed = half[0] * 0x9E3779B97F4A7C15u;
  mixed = (mixed ^ mixed >> 32) + half[1];
  mixed *= 0xD6E8FEB86659FD93u;
  return static_cast<size_t>(mixed ^ mixed >> 32);
}
