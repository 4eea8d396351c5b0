#include "audit/record_format.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace strongroom::audit {
namespace {

constexpr std::string_view kStart = "{\"seq\":";
constexpr size_t kMaxDigits = 20;

void PutText(nlohmann::ordered_json* json, const char* name,
             const std::string& text) {
  if (text.empty()) return;
  (*json)[name] =
      text.size() <= kMaxTextSize ? text : text.substr(0, kMaxTextSize) + "...";
}

void PutNumber(nlohmann::ordered_json* json, const char* name,
               uint64_t number) {
  if (number != 0) (*json)[name] = number;
}

size_t CountDigits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
    ++count;
  }
  return count;
}

}  // namespace

std::string FormatBody(const Record& record) {
  nlohmann::ordered_json json;
  json["time"] = FormatTime(record.time);
  PutText(&json, "request_id", record.request_id);
  PutText(&json, "caller", record.caller);
  PutText(&json, "peer", record.peer);
  PutText(&json, "operation", record.operation);
  PutText(&json, "key", record.key);
  if (!record.versions.empty()) {
    size_t count = std::min(record.versions.size(), kMaxVersions);
    json["versions"] = std::vector<uint32_t>(
        record.versions.begin(),
        record.versions.begin() + static_cast<ptrdiff_t>(count));
  }
  PutNumber(&json, "items", record.items);
  PutNumber(&json, "failed_items", record.failed_items);
  PutText(&json, "outcome", record.outcome);
  PutText(&json, "detail", record.detail);
  PutNumber(&json, "duration_us", record.duration_us);
  // ASCII alone, and `replace` for what is not UTF-8: no value of a caller can
  // end the line, or reach the terminal of who reads it.
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string AddSequence(uint64_t sequence, std::string_view body) {
  std::string line;
  line.reserve(kStart.size() + kMaxDigits + 1 + body.size());
  line += kStart;
  line += std::to_string(sequence);
  line += ',';
  line += body.substr(1);
  return line;
}

std::optional<uint64_t> SequenceOf(std::string_view line) {
  if (line.substr(0, kStart.size()) != kStart) return std::nullopt;
  line.remove_prefix(kStart.size());
  size_t digits = CountDigits(line);
  // Without what follows the number, digits of it may be missing.
  if (digits == 0 || digits == line.size() || line[digits] != ',') {
    return std::nullopt;
  }
  uint64_t sequence = 0;
  auto [stop, error] =
      std::from_chars(line.data(), line.data() + digits, sequence);
  if (error != std::errc() || sequence == UINT64_MAX) return std::nullopt;
  return sequence;
}

bool IsTornStart(std::string_view text) {
  std::string_view start = text.substr(0, kStart.size());
  if (start != kStart.substr(0, start.size())) return false;
  std::string_view rest = text.substr(start.size());
  return rest.size() <= kMaxDigits && CountDigits(rest) == rest.size();
}

std::string FormatRecord(const Record& record, uint64_t sequence) {
  return AddSequence(sequence, FormatBody(record));
}

}  // namespace strongroom::audit
