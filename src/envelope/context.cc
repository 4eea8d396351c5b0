#include "strongroom/envelope/context.h"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace strongroom::envelope {
namespace {

constexpr size_t kLengthSize = 2;
constexpr size_t kMaxQuotedKey = 64;

// A key may hold any bytes before it is checked, so a message shows it as
// printable ASCII, and not all of a long one.
std::string Quoted(std::string_view key) {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : key.substr(0, kMaxQuotedKey)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 0x0f];
    }
  }
  out += key.size() > kMaxQuotedKey ? "\"..." : "\"";
  return out;
}

Status Invalid(const std::string& message) {
  return Error(Reason::kContextInvalid, "encryption context " + message);
}

Status CheckPairCount(size_t count) {
  if (count <= kMaxContextPairs) return OkStatus();
  return Invalid("has " + std::to_string(count) + " pairs; want at most " +
                 std::to_string(kMaxContextPairs));
}

Status CheckSize(size_t size) {
  if (size <= kMaxContextBytes) return OkStatus();
  return Invalid("takes " + std::to_string(size) +
                 " bytes in canonical form; want at most " +
                 std::to_string(kMaxContextBytes));
}

Status CheckPair(std::string_view key, std::string_view value) {
  if (key.empty()) return Invalid("has an empty key; want at least one byte");
  if (!IsUtf8(key)) {
    return Invalid("has the key " + Quoted(key) + ", which is not UTF-8");
  }
  if (!IsUtf8(value)) {
    return Invalid("has a value that is not UTF-8 under the key " +
                   Quoted(key) + "; encode binary values as text");
  }
  return OkStatus();
}

void AppendPart(Bytes* out, std::string_view part) {
  AppendU16(out, static_cast<uint16_t>(part.size()));
  Append(out, AsBytes(part));
}

// Takes one length and its bytes off the front of `rest`.
std::optional<std::string_view> TakePart(ByteView* rest) {
  if (rest->size() < kLengthSize) return std::nullopt;
  const size_t length = LoadU16(rest->data());
  if (rest->size() - kLengthSize < length) return std::nullopt;
  const std::string_view part = AsText(rest->subspan(kLengthSize, length));
  *rest = rest->subspan(kLengthSize + length);
  return part;
}

}  // namespace

StatusOr<Bytes> CanonicalContext(const ContextPairs& pairs) {
  SR_RETURN_IF_ERROR(CheckPairCount(pairs.size()));
  size_t size = 0;
  for (const auto& [key, value] : pairs) {
    size += 2 * kLengthSize + key.size() + value.size();
  }
  // Before anything is written: so every length below fits its 16 bits.
  SR_RETURN_IF_ERROR(CheckSize(size));

  ContextPairs sorted = pairs;
  std::sort(sorted.begin(), sorted.end());
  Bytes out;
  out.reserve(size);
  for (size_t i = 0; i < sorted.size(); ++i) {
    const auto& [key, value] = sorted[i];
    SR_RETURN_IF_ERROR(CheckPair(key, value));
    if (i > 0 && key == sorted[i - 1].first) {
      return Invalid("has the key " + Quoted(key) + " twice; want it once");
    }
    AppendPart(&out, key);
    AppendPart(&out, value);
  }
  return out;
}

StatusOr<std::vector<std::pair<std::string, std::string>>> ParseContext(
    ByteView canonical) {
  SR_RETURN_IF_ERROR(CheckSize(canonical.size()));
  std::vector<std::pair<std::string, std::string>> pairs;
  ByteView rest = canonical;
  while (!rest.empty()) {
    const size_t offset = canonical.size() - rest.size();
    SR_RETURN_IF_ERROR(CheckPairCount(pairs.size() + 1));
    const auto key = TakePart(&rest);
    const auto value = key ? TakePart(&rest) : std::nullopt;
    if (!value) {
      return Invalid("ends inside the pair at byte " + std::to_string(offset) +
                     "; want whole pairs");
    }
    SR_RETURN_IF_ERROR(CheckPair(*key, *value));
    if (!pairs.empty() && *key <= pairs.back().first) {
      return Invalid("has the key " + Quoted(*key) +
                     " out of order; want keys sorted by bytes, each once");
    }
    pairs.emplace_back(*key, *value);
  }
  return pairs;
}

}  // namespace strongroom::envelope
