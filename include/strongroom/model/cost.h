// What a request cost.
#pragma once

#include <chrono>
#include <cstdint>

namespace strongroom::model {

// Cost is what the engine spent on a request.
struct Cost {
  // Token operations that served items of it, shared ones counted whole; 0 if
  // an open window or a failure answered all.
  uint32_t token_operations = 0;
  uint32_t batch = 0;  // items of the largest batch it was in, others' too
  std::chrono::microseconds queued{0};  // until its last batch was formed
  friend bool operator==(const Cost&, const Cost&) = default;
};

}  // namespace strongroom::model
