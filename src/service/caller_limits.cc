#include "service/caller_limits.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace strongroom::service {

using std::chrono::milliseconds;

Status CallerLimits::Charge(const auth::Policy& policy,
                            const auth::Caller& caller, uint64_t operations,
                            SteadyTime now) {
  const auth::RateLimit* limit = policy.LimitOf(caller);
  if (limit == nullptr || operations == 0) return OkStatus();
  const double rate = limit->operations_per_second;
  MutexLock lock(mutex_);
  auto [at, is_new] = buckets_.try_emplace(caller.id());
  Bucket& bucket = at->second;
  if (is_new) {
    bucket = {limit->burst, now};
  } else if (now > bucket.filled) {
    const std::chrono::duration<double> passed = now - bucket.filled;
    bucket.left += rate * passed.count();
    bucket.filled = now;
  }
  // Also when a new policy allows less than the old one did.
  bucket.left = std::min(bucket.left, limit->burst);
  if (bucket.left >= 1) {
    bucket.left -= static_cast<double>(operations);
    return OkStatus();
  }
  const auto wait = milliseconds(
      static_cast<int64_t>(std::ceil((1 - bucket.left) / rate * 1000)));
  return Error(Reason::kRateLimited,
               caller.id() + " has used up its " +
                   std::to_string(static_cast<int64_t>(rate)) +
                   " operations per second; want fewer: try again after the "
                   "given delay",
               wait);
}

}  // namespace strongroom::service
