// Arrivals: the times at which the requests of an open loop are due. They do
// not depend on the answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace strongroom::load {

enum class ArrivalKind : uint8_t { kConstant, kPoisson };

// Arrivals gives the times, since the start, at which requests are due.
class Arrivals {
 public:
  // `rate` is requests per second, above 0. The same seed gives the same times.
  Arrivals(double rate, ArrivalKind kind, uint64_t seed);
  // Next never goes back.
  std::chrono::nanoseconds Next();

 private:
  const double rate_;
  const ArrivalKind kind_;
  std::mt19937_64 random_;
  uint64_t count_ = 0;
  double seconds_ = 0;
};

}  // namespace strongroom::load
