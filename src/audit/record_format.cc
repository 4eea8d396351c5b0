#include "audit/record_format.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace strongroom::audit {
namespace {

constexpr std::string_view kStart = "{\"seq\":";
constexpr size_t kMaxDigits = 20;
constexpr size_t kUsualSize = 320;

// Quote appends a JSON string of ASCII alone: no value of a caller can end the
// line, or reach the terminal of who reads it.
void Quote(std::string_view text, std::string* out) {
  auto plain = [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  };
  if (std::all_of(text.begin(), text.end(), plain)) {
    *out += '"';
    *out += text;
    *out += '"';
    return;
  }
  // Rare, so the library may take its time: it escapes, and replaces what is
  // not UTF-8.
  *out += nlohmann::json(text).dump(-1, ' ', true,
                                    nlohmann::json::error_handler_t::replace);
}

// The names are ours and need no escaping.
void PutName(std::string_view name, std::string* body) {
  *body += body->size() > 1 ? ",\"" : "\"";
  *body += name;
  *body += "\":";
}

void PutText(std::string_view name, std::string_view text, std::string* body) {
  if (text.empty()) return;
  PutName(name, body);
  if (text.size() <= kMaxTextSize) return Quote(text, body);
  Quote(std::string(text.substr(0, kMaxTextSize)) + "...", body);
}

void AppendNumber(uint64_t number, std::string* out) {
  char digits[kMaxDigits];
  auto [end, error] = std::to_chars(digits, digits + kMaxDigits, number);
  out->append(digits, end);
}

void PutNumber(std::string_view name, uint64_t number, std::string* body) {
  if (number == 0) return;
  PutName(name, body);
  AppendNumber(number, body);
}

void PutVersions(const std::vector<uint32_t>& versions, std::string* body) {
  if (versions.empty()) return;
  PutName("versions", body);
  const size_t count = std::min(versions.size(), kMaxVersions);
  for (size_t i = 0; i < count; ++i) {
    *body += i == 0 ? '[' : ',';
    AppendNumber(versions[i], body);
  }
  *body += ']';
}

size_t CountDigits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
    ++count;
  }
  return count;
}

}  // namespace

// Written by hand: every request comes through here, and a JSON library's tree
// cost more than the rest of the record's way to the file.
std::string FormatBody(const Record& record) {
  std::string body;
  body.reserve(kUsualSize);
  body += '{';
  PutText("time", FormatTime(record.time), &body);
  PutText("request_id", record.request_id, &body);
  PutText("caller", record.caller, &body);
  PutText("peer", record.peer, &body);
  PutText("door", record.door, &body);
  PutText("operation", record.operation, &body);
  PutText("key", record.key, &body);
  PutVersions(record.versions, &body);
  PutNumber("items", record.items, &body);
  PutNumber("failed_items", record.failed_items, &body);
  PutText("outcome", record.outcome, &body);
  PutText("detail", record.detail, &body);
  PutNumber("duration_us", record.duration_us, &body);
  body += '}';
  return body;
}

void AddSequence(uint64_t sequence, std::string_view body, std::string* out) {
  *out += kStart;
  AppendNumber(sequence, out);
  *out += ',';
  *out += body.substr(1);
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
  std::string line;
  AddSequence(sequence, FormatBody(record), &line);
  return line;
}

}  // namespace strongroom::audit
