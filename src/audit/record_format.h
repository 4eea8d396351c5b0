// The bytes of an audit line: {"seq":N, then the fields of the record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "strongroom/audit/audit_log.h"

namespace strongroom::audit {

inline constexpr size_t kMaxTextSize = 1024;
inline constexpr size_t kMaxVersions = 256;
// Seven texts, each byte escaped to six at worst, and the numbers.
inline constexpr size_t kMaxLineSize = 7 * 6 * (kMaxTextSize + 64) + 8192;

// FormatBody is the record as a JSON object; AddSequence appends that with the
// number in it. Two steps: the first needs no lock, the second does.
std::string FormatBody(const Record& record);
void AddSequence(uint64_t sequence, std::string_view body, std::string* out);

// SequenceOf reads the number back, from a torn line too if it was written.
std::optional<uint64_t> SequenceOf(std::string_view line);
// IsTornStart: the beginning of a first line, cut before its number ended.
bool IsTornStart(std::string_view text);

}  // namespace strongroom::audit
