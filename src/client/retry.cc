#include "client/retry.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "google/protobuf/descriptor.pb.h"
#include "strongroom/base/random.h"

namespace strongroom::client {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstDelay{100};
constexpr milliseconds kLongestDelay{2000};

milliseconds DelayAfter(int failures, const Status& status, double random) {
  int doublings = std::min(failures - 1, 10);
  milliseconds full = std::min(kLongestDelay, kFirstDelay * (1 << doublings));
  milliseconds delay(static_cast<int64_t>(static_cast<double>(full.count()) *
                                          (0.5 + random / 2)));
  return std::max(delay, RetryAfterOf(status).value_or(milliseconds(0)));
}

double RandomFraction() {
  uint8_t bytes[4];
  FillRandom(bytes);
  return LoadU32(bytes) / 4294967296.0;
}

}  // namespace

Waiting Waiting::System() {
  return {Clock::System(),
          [](milliseconds delay) { std::this_thread::sleep_for(delay); },
          RandomFraction};
}

Repeat RepeatOf(const google::protobuf::Descriptor& request) {
  using google::protobuf::MethodOptions;
  const google::protobuf::FileDescriptor& file = *request.file();
  for (int i = 0; i < file.service_count(); ++i) {
    const google::protobuf::ServiceDescriptor& service = *file.service(i);
    for (int j = 0; j < service.method_count(); ++j) {
      const google::protobuf::MethodDescriptor& method = *service.method(j);
      if (method.input_type() != &request) continue;
      return method.options().idempotency_level() ==
                     MethodOptions::IDEMPOTENCY_UNKNOWN
                 ? Repeat::kOnce
                 : Repeat::kRepeatable;
    }
  }
  return Repeat::kOnce;
}

Status Persist(const Waiting& waiting, milliseconds timeout, int max_attempts,
               Repeat repeat, const Attempt& attempt) {
  const SteadyTime deadline = waiting.clock.Steady() + timeout;
  milliseconds left = timeout;
  for (int made = 1;; ++made) {
    std::optional<Failure> failure = attempt(left);
    if (!failure.has_value()) return OkStatus();
    if (repeat == Repeat::kOnce || !failure->transient ||
        made >= max_attempts) {
      return failure->status;
    }
    milliseconds delay = DelayAfter(made, failure->status, waiting.random());
    left = std::chrono::duration_cast<milliseconds>(deadline -
                                                    waiting.clock.Steady());
    if (delay >= left) return failure->status;
    waiting.sleep(delay);
    left = std::chrono::duration_cast<milliseconds>(deadline -
                                                    waiting.clock.Steady());
    if (left <= milliseconds(0)) return failure->status;
  }
}

}  // namespace strongroom::client
