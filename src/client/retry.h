// When a failed call is made again, and after how long.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "client/errors.h"
#include "google/protobuf/descriptor.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/status.h"

namespace strongroom::client {

// Waiting is what retries need of the world; tests give their own.
struct Waiting {
  const Clock& clock;
  std::function<void(std::chrono::milliseconds)> sleep;
  std::function<double()> random;  // in [0, 1)

  static Waiting System();
};

// Once: sending twice might do the thing twice. Repeatable: it may not.
enum class Repeat { kOnce, kRepeatable };

// RepeatOf reads the idempotency_level of the method that takes this message,
// which is of a service in the message's own file. A method without one may be
// sent once.
Repeat RepeatOf(const google::protobuf::Descriptor& request);

// An Attempt makes the call with the time that is left; nullopt is success.
using Attempt =
    std::function<std::optional<Failure>(std::chrono::milliseconds left)>;

// Persist makes the call up to `max_attempts` times within `timeout`, all waits
// included. It is made again only if it is repeatable and the failure is
// transient, after the delay the service asked for, or one that doubles from
// 100 ms to 2 s (less a random half, so that clients do not come back in step),
// whichever is longer. A delay that would outlast the timeout is not waited
// for.
Status Persist(const Waiting& waiting, std::chrono::milliseconds timeout,
               int max_attempts, Repeat repeat, const Attempt& attempt);

}  // namespace strongroom::client
