#include "strongroom/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <memory>

#include "base/log_format.h"
#include "strongroom/base/clock.h"

namespace strongroom::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};
std::atomic<Format> g_format{Format::kText};

// Lines come finished; spdlog brings the lock, the writing and the swallowing
// of whatever goes wrong while writing.
spdlog::logger& Logger() {
  // Never destroyed: the last threads of a process log too.
  static spdlog::logger& logger = [&]() -> spdlog::logger& {
    auto made = std::make_unique<spdlog::logger>(
        "strongroom", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    return *made.release();
  }();
  return logger;
}

void Write(Level level, std::string_view message,
           std::initializer_list<Field> fields) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  std::string line =
      FormatLine(Clock::System().Now(), level,
                 g_format.load(std::memory_order_relaxed), message, fields);
  Logger().log(spdlog::level::info,
               spdlog::string_view_t(line.data(), line.size()));
}

std::string StatusText(const Status& status) {
  if (status.ok()) return "OK";
  std::string text(ReasonName(ReasonOf(status)));
  text += ": ";
  text += MessageOf(status);
  return text;
}

}  // namespace

Field::Field(std::string_view n, const Status& status)
    : name(n), value(StatusText(status)) {}

void Configure(Level level, Format format) {
  g_level.store(level, std::memory_order_relaxed);
  g_format.store(format, std::memory_order_relaxed);
}

void Debug(std::string_view message, std::initializer_list<Field> fields) {
  Write(Level::kDebug, message, fields);
}

void Info(std::string_view message, std::initializer_list<Field> fields) {
  Write(Level::kInfo, message, fields);
}

void Warning(std::string_view message, std::initializer_list<Field> fields) {
  Write(Level::kWarning, message, fields);
}

void Error(std::string_view message, std::initializer_list<Field> fields) {
  Write(Level::kError, message, fields);
}

}  // namespace strongroom::log
