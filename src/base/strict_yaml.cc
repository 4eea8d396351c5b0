#include "strongroom/base/strict_yaml.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/text.h"

namespace strongroom {
namespace {

// Decimal digits with an optional minus; no leading zero, which YAML 1.1 would
// take for octal.
std::optional<int64_t> ParseDecimal(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && digits[0] == '-') digits.remove_prefix(1);
  if (digits.empty() || (digits[0] == '0' && text.size() > 1)) {
    return std::nullopt;
  }
  int64_t value = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string RangeText(int64_t min, int64_t max) {
  return std::to_string(min) + " to " + std::to_string(max);
}

// Levenshtein's distance, one row at a time. Keys are short.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// Distance is small where one is the beginning of the other: `pin` is meant to
// be `pin_file` rather than some other word of three letters.
size_t Distance(std::string_view a, std::string_view b) {
  size_t common = std::min(a.size(), b.size());
  if (common >= 2 && a.substr(0, common) == b.substr(0, common)) return 1;
  return EditDistance(a, b);
}

std::string_view Nearest(std::string_view key,
                         const std::vector<std::string_view>& known) {
  return *std::min_element(known.begin(), known.end(),
                           [&](std::string_view a, std::string_view b) {
                             return Distance(key, a) < Distance(key, b);
                           });
}

std::string Joined(const std::vector<std::string_view>& names) {
  std::string out;
  for (std::string_view name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

std::string_view KindName(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a single value";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "nothing";
}

// What was found, for messages: the value itself if there is one.
std::string Found(YamlNode::Kind kind, std::string_view scalar) {
  if (kind == YamlNode::Kind::kScalar) return "is " + Quote(scalar);
  return "is " + std::string(KindName(kind));
}

}  // namespace

StatusOr<std::string> YamlNode::AsString() const {
  if (kind_ != Kind::kScalar) {
    return Invalid(Found(kind_, scalar_) + "; want text");
  }
  return scalar_;
}

StatusOr<int64_t> YamlNode::AsInt(int64_t min, int64_t max) const {
  std::optional<int64_t> value;
  if (kind_ == Kind::kScalar) value = ParseDecimal(scalar_);
  if (!value.has_value() || *value < min || *value > max) {
    return Invalid(Found(kind_, scalar_) + "; want a decimal number from " +
                   RangeText(min, max));
  }
  return *value;
}

StatusOr<bool> YamlNode::AsBool() const {
  if (kind_ == Kind::kScalar && scalar_ == "true") return true;
  if (kind_ == Kind::kScalar && scalar_ == "false") return false;
  return Invalid(Found(kind_, scalar_) + "; want true or false");
}

const YamlNode* YamlNode::Find(std::string_view key) const {
  auto it = fields_.find(std::string(key));
  return it == fields_.end() ? nullptr : &it->second;
}

StatusOr<const YamlNode*> YamlNode::Require(std::string_view key) const {
  const YamlNode* member = Find(key);
  if (member != nullptr) return member;
  if (kind_ != Kind::kMap && kind_ != Kind::kNull) {
    return Invalid(Found(kind_, scalar_) + "; want a map with the key " +
                   Quote(key));
  }
  return Invalid("the key " + Quote(key) + " is missing");
}

Status YamlNode::RefuseUnknown(
    const std::vector<std::string_view>& known) const {
  // A section left empty (`hsm:` and nothing below) is a map without members.
  if (kind_ != Kind::kMap && kind_ != Kind::kNull) {
    return Invalid(Found(kind_, scalar_) + "; want a map");
  }
  for (const auto& [key, member] : fields_) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (known.empty()) return member.Invalid("unknown key; want none here");
    return member.Invalid("unknown key; the nearest known one is " +
                          Quote(Nearest(key, known)) +
                          " (known: " + Joined(known) + ")");
  }
  return OkStatus();
}

Status YamlNode::Invalid(std::string_view message) const {
  std::string text = where_ + ": ";
  if (!path_.empty()) text += path_ + ": ";
  text += message;
  return Error(Reason::kConfigInvalid, text);
}

}  // namespace strongroom
