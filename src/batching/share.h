// Share: when the background's turn has come.
//
// The background takes what the foreground leaves. Beside a foreground that
// leaves nothing, each of its token operations earns the background that waits
// a part of one, so that it gets its share of all of them; what it takes is
// paid from that. It cannot save up: not while it has nothing to do, and no
// more than kMost.
// Thread rule: not thread-safe; the engine's lock guards it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace strongroom::batching {

class Share {
 public:
  // Earn: the foreground took `operations` while background work that is
  // promised `percent` (1 to 50) waited.
  void Earn(int operations, int percent) {
    // Rounded up: the promise is a minimum.
    const int64_t each = (kOne * percent + 99 - percent) / (100 - percent);
    credit_ = std::min(credit_ + each * operations, kMost);
  }
  // Spend: the background took `operations`, earned or not.
  void Spend(int operations) {
    credit_ = std::max<int64_t>(credit_ - kOne * operations, 0);
  }
  // Due: has the background earned so many operations?
  bool Due(int operations) const { return credit_ >= kOne * operations; }

 private:
  static constexpr int64_t kOne = 1'000'000;  // a token operation
  static constexpr int64_t kMost = 4 * kOne;  // two rewraps

  int64_t credit_ = 0;
};

}  // namespace strongroom::batching
