#include "wire/fields.h"

namespace strongroom::wire {
namespace {

using google::protobuf::Duration;
using google::protobuf::Timestamp;

// What google.protobuf.Duration itself allows: 10,000 years.
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;

StatusOr<int64_t> InUnits(const Duration& duration, std::string_view field,
                          int64_t units_per_second, std::string_view unit) {
  const int64_t nanos_per_unit = 1'000'000'000 / units_per_second;
  if (duration.seconds() < 0 || duration.seconds() > kMaxDurationSeconds ||
      duration.nanos() < 0 || duration.nanos() > 999'999'999 ||
      duration.nanos() % nanos_per_unit != 0) {
    return Error(Reason::kArgumentInvalid,
                 std::string(field) + " is " +
                     std::to_string(duration.seconds()) + " s and " +
                     std::to_string(duration.nanos()) + " ns; want whole " +
                     std::string(unit) + ", not negative");
  }
  return duration.seconds() * units_per_second +
         duration.nanos() / nanos_per_unit;
}

}  // namespace

void Write(WallTime time, Timestamp* out) {
  int64_t micros = time.time_since_epoch().count();
  int64_t seconds = micros / 1'000'000;
  int64_t rest = micros % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(rest * 1000));
}

WallTime Read(const Timestamp& time) {
  return WallTime(std::chrono::seconds(time.seconds()) +
                  std::chrono::microseconds(time.nanos() / 1000));
}

void Write(std::chrono::milliseconds duration, Duration* out) {
  out->set_seconds(duration.count() / 1000);
  out->set_nanos(static_cast<int32_t>(duration.count() % 1000) * 1'000'000);
}

StatusOr<std::chrono::seconds> ReadSeconds(const Duration& duration,
                                           std::string_view field) {
  SR_ASSIGN_OR_RETURN(int64_t count, InUnits(duration, field, 1, "seconds"));
  return std::chrono::seconds(count);
}

StatusOr<std::chrono::milliseconds> ReadMilliseconds(const Duration& duration,
                                                     std::string_view field) {
  SR_ASSIGN_OR_RETURN(int64_t count,
                      InUnits(duration, field, 1000, "milliseconds"));
  return std::chrono::milliseconds(count);
}

StatusOr<Uuid> ReadId(const std::string& text, std::string_view field) {
  if (text.empty()) return Uuid();
  StatusOr<Uuid> id = Uuid::Parse(text);
  if (id.ok()) return id;
  return Error(Reason::kInternal,
               "the answer's " + std::string(field) + " is no UUID");
}

}  // namespace strongroom::wire
