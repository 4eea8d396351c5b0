#include "base/log_format.h"

#include "base/text.h"

namespace strongroom::log {
namespace {

bool NeedsQuotes(std::string_view value) {
  if (value.empty()) return true;
  while (!value.empty()) {
    size_t size = Utf8CharSize(value);
    if (size == 0 || IsControlAt(value)) return true;
    if (std::string_view(" \"=\\").find(value[0]) != value.npos) return true;
    value.remove_prefix(size);
  }
  return false;
}

// The message is prose: its quotes stay as they are, but nothing in it may
// start a new line or speak to the terminal.
std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t size = Utf8CharSize(text);
    if (size == 0 || IsControlAt(text)) {
      size = size == 0 ? 1 : size;
      out += Escape(text.substr(0, size));
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

void AppendJsonString(std::string* out, std::string_view text) {
  *out += '"';
  // Bytes that JSON cannot carry are first written out (\xNN), then escaped.
  for (char c : Printable(text)) {
    if (c == '"' || c == '\\') *out += '\\';
    *out += c;
  }
  *out += '"';
}

void AppendJsonMember(std::string* out, std::string_view name,
                      std::string_view value) {
  AppendJsonString(out, name);
  *out += ':';
  AppendJsonString(out, value);
}

}  // namespace

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "DEBUG";
    case Level::kInfo:
      return "INFO";
    case Level::kWarning:
      return "WARNING";
    case Level::kError:
      return "ERROR";
  }
  return "ERROR";
}

std::string FormatLine(WallTime time, Level level, Format format,
                       std::string_view message,
                       std::initializer_list<Field> fields) {
  std::string out;
  if (format == Format::kJson) {
    out += '{';
    AppendJsonMember(&out, "time", FormatTime(time));
    out += ',';
    AppendJsonMember(&out, "level", LevelName(level));
    out += ',';
    AppendJsonMember(&out, "message", message);
    for (const Field& field : fields) {
      out += ',';
      AppendJsonMember(&out, field.name, field.value);
    }
    return out + '}';
  }
  out += FormatTime(time);
  out += ' ';
  out += LevelName(level);
  out += ' ';
  out += Printable(message);
  for (const Field& field : fields) {
    out += ' ';
    out += field.name;
    out += '=';
    if (NeedsQuotes(field.value)) {
      out += '"' + Escape(field.value) + '"';
    } else {
      out += field.value;
    }
  }
  return out;
}

}  // namespace strongroom::log
