// Target: the service under load. Loops, histograms and reports work on any
// Target.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "strongroom/base/clock.h"

namespace strongroom::load {

// Outcome is how one request ended.
struct Outcome {
  bool ok = false;         // answered, and every item of it good
  uint32_t items = 0;      // DEKs or messages in it that are good
  std::string error = {};  // when not ok: code and message
  // Its cost, if the service says: its share in token operations, and the
  // number of items in the same one.
  double token_operations = 0;
  uint32_t batch = 0;
};

// Request is one place of the load: it is sent, answered, and sent again.
struct Request {
  uint32_t number = 0;    // of the place; spreads over threads, connections
  SteadyTime intended{};  // when it was due
  SteadyTime sent{};      // when it was sent
};

// Sink receives each answer, on a thread of the target.
class Sink {
 public:
  virtual ~Sink() = default;
  // OnDone may call Target::Send. `thread` is below Target::threads(), and two
  // calls with the same one never overlap.
  virtual void OnDone(Request* request, const Outcome& outcome,
                      uint32_t thread) = 0;
};

class Target {
 public:
  virtual ~Target() = default;
  virtual uint32_t threads() const = 0;
  // Send starts a request, which the target owns until it calls OnDone: once,
  // within the target's time limit. Thread-safe.
  virtual void Send(Request* request, Sink* sink) = 0;
};

}  // namespace strongroom::load
