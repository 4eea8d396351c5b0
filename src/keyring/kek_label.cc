#include "keyring/kek_label.h"

#include <charconv>

#include "strongroom/envelope/token.h"

namespace strongroom::keyring {
namespace {

constexpr std::string_view kPrefix = "strongroom/";
constexpr size_t kUuidText = 36;

}  // namespace

std::string KekLabel::ToString() const {
  return std::string(kPrefix) + installation.ToString() + "/" +
         key_id.ToString() + "/v" + std::to_string(version);
}

std::optional<KekLabel> KekLabel::Parse(std::string_view label) {
  constexpr size_t kKeyAt = kPrefix.size() + kUuidText + 1;
  constexpr size_t kNumberAt = kKeyAt + kUuidText + 2;
  if (!label.starts_with(kPrefix) || label.size() <= kNumberAt) {
    return std::nullopt;
  }
  StatusOr<Uuid> installation =
      Uuid::Parse(label.substr(kPrefix.size(), kUuidText));
  StatusOr<Uuid> key_id = Uuid::Parse(label.substr(kKeyAt, kUuidText));
  uint32_t version = 0;
  std::from_chars(label.data() + kNumberAt, label.data() + label.size(),
                  version);
  if (!installation.ok() || !key_id.ok() || version == 0 ||
      version > envelope::kMaxKeyVersion) {
    return std::nullopt;
  }
  const KekLabel parsed{*installation, *key_id, version};
  // Separators, leading zeros, upper case, trailing bytes: all are seen here.
  if (parsed.ToString() != label) return std::nullopt;
  return parsed;
}

}  // namespace strongroom::keyring
