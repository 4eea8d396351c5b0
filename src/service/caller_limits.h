// CallerLimits: how fast each caller may go, by the policy in force.
//
// A token bucket for each caller that has a limit. A request is let in while
// anything is left and then takes all it needs, so a batch larger than the
// burst is served too, and paid for by the wait that follows. Thread rule:
// thread-safe.
#pragma once

#include <map>
#include <string>

#include "strongroom/auth/policy.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"

namespace strongroom::service {

class CallerLimits {
 public:
  // Charge takes `operations` from the caller's bucket: RATE_LIMITED, with the
  // delay after which the next request is let in, if nothing is left.
  Status Charge(const auth::Policy& policy, const auth::Caller& caller,
                uint64_t operations, SteadyTime now) SR_EXCLUDES(mutex_);

 private:
  struct Bucket {
    double left = 0;
    SteadyTime filled{};
  };

  Mutex mutex_;
  // Only callers that a policy named in a limit: the operator bounds it.
  std::map<std::string, Bucket, std::less<>> buckets_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::service
