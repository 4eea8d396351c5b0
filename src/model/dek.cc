#include "strongroom/model/dek.h"

#include <charconv>

namespace strongroom::model {
namespace {

constexpr size_t kUuidTextSize = 36;

Status NotAnId(std::string_view text) {
  return Error(Reason::kArgumentInvalid,
               "\"" + std::string(text.substr(0, 64)) +
                   "\" is not the id of a registered DEK; want <uuid>:<index> "
                   "as the service gave it");
}

}  // namespace

std::string DekId::ToString() const {
  return batch_id.ToString() + ":" + std::to_string(index);
}

StatusOr<DekId> DekId::Parse(std::string_view text) {
  if (text.size() < kUuidTextSize + 2 || text[kUuidTextSize] != ':') {
    return NotAnId(text);
  }
  StatusOr<Uuid> batch_id = Uuid::Parse(text.substr(0, kUuidTextSize));
  if (!batch_id.ok()) return NotAnId(text);
  const std::string_view number = text.substr(kUuidTextSize + 1);
  uint32_t index = 0;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), index);
  DekId id{*batch_id, index};
  // One text for one id: no leading zeros, no upper-case hex.
  if (error != std::errc() || end != number.data() + number.size() ||
      id.ToString() != text) {
    return NotAnId(text);
  }
  return id;
}

Status ValidateReference(std::string_view reference) {
  if (reference.size() <= kMaxReferenceSize && IsUtf8(reference)) {
    return OkStatus();
  }
  return Error(Reason::kArgumentInvalid,
               "the reference has " + std::to_string(reference.size()) +
                   " bytes; want at most " + std::to_string(kMaxReferenceSize) +
                   ", and UTF-8");
}

}  // namespace strongroom::model
