// RequestIds: what a caller quotes to the operator.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace strongroom::edge {

// RequestIds makes ids that no other request of any process has: a random
// prefix and a count. Thread-safe.
class RequestIds {
 public:
  RequestIds();
  std::string Next();
  // count is how many were given out.
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::string prefix_;
  std::atomic<uint64_t> count_{0};
};

}  // namespace strongroom::edge
