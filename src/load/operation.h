// Operation: what the requests of a workload are, as gRPC bytes.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <string>

#include "strongroom/base/status.h"
#include "strongroom/client/client.h"

namespace strongroom::load {

struct WorkloadOptions {
  std::string name = "wrap";  // a row of WorkloadHelp
  std::string key = "bench/load";
  uint32_t keys = 1;        // above 1: key/0, key/1, ... in turn
  uint32_t size = 32;       // bytes of a DEK, a message, an echo's payload
  uint32_t answer = 163;    // bytes of an echo's answer
  uint32_t items = 1024;    // of a batch form
  uint32_t batches = 1000;  // unwrap-random: distinct headers
};

// Operation is immutable and may be used by many threads.
class Operation {
 public:
  virtual ~Operation() = default;
  // method is the full name: "/strongroom.v1.KeyService/Wrap".
  virtual const std::string& method(uint64_t n) const = 0;
  // Encode serialises request number n, as any client would for each call.
  virtual grpc::ByteBuffer Encode(uint64_t n) const = 0;
  // items is how many a good answer has.
  virtual uint32_t items() const = 0;
  // CountGood parses the answer to request n and counts the items in it that
  // were done, 0 if it does not parse.
  virtual uint32_t CountGood(uint64_t n, grpc::ByteBuffer* answer) const = 0;
};

// WorkloadHelp is the list of workloads, a line each.
std::string WorkloadHelp();

// MakeOperation prepares a workload: creates the keys that are not there (with
// the service's default policy) and wraps what is to be unwrapped.
// ARGUMENT_INVALID, or what the service says.
StatusOr<std::shared_ptr<const Operation>> MakeOperation(
    const WorkloadOptions& options, client::Client& client);

}  // namespace strongroom::load
