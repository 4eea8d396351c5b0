// Log: what operators read. One line per event: time, level, message, fields.
//
// Fields are names, counts, ids and reasons: never a secret, a PIN, plaintext
// or the bytes of a blob. Lines go to standard error. Thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "strongroom/base/status.h"

namespace strongroom::log {

enum class Level { kDebug, kInfo, kWarning, kError };
enum class Format { kText, kJson };

// Field is a name and a value; control characters in values are escaped.
struct Field {
  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const char* v) : name(n), value(v) {}
  Field(std::string_view n, const std::string& v) : name(n), value(v) {}
  template <typename T>
  requires std::is_arithmetic_v<T> Field(std::string_view n, T v) : name(n) {
    if constexpr (std::is_same_v<T, bool>) {
      value = v ? "true" : "false";
    } else {
      value = std::to_string(v);
    }
  }
  // A failure is shown as "REASON: message".
  Field(std::string_view n, const Status& status);

  std::string_view name;
  std::string value;
};

// Configure once, before threads start. Default: kInfo, kText.
void Configure(Level level, Format format);

void Debug(std::string_view message, std::initializer_list<Field> fields = {});
void Info(std::string_view message, std::initializer_list<Field> fields = {});
void Warning(std::string_view message,
             std::initializer_list<Field> fields = {});
void Error(std::string_view message, std::initializer_list<Field> fields = {});

}  // namespace strongroom::log
