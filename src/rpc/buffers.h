// Bytes in and out of gRPC, with secrets wiped where our reach ends.
//
// What cannot be wiped: gRPC's own read buffers beyond the message's slices,
// TLS staging buffers, the kernel's socket buffers. They are bounded by live
// connections and reused.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <span>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/wiped_bytes.h"

namespace strongroom::rpc {

// Received holds a message that came, in the pieces that gRPC has it in.
class Received {
 public:
  explicit Received(const grpc::ByteBuffer& buffer);
  Received(const Received&) = delete;
  Received& operator=(const Received&) = delete;

  // pieces may be wiped: they are gRPC's heap memory, and this message's range
  // of it is ours alone once it was delivered. A short message lies inside the
  // slice itself, of which this is a copy: that one is beyond our reach.
  std::span<const MutableByteView> pieces() const { return pieces_; }

 private:
  // Mostly there is one.
  grpc::Slice slice_;
  std::vector<grpc::Slice> slices_;
  MutableByteView piece_;
  std::vector<MutableByteView> more_;
  std::span<const MutableByteView> pieces_;
};

// ToBuffer gives the bytes to gRPC; they are wiped when it lets go of them.
grpc::ByteBuffer ToBuffer(WipedBytes bytes);

}  // namespace strongroom::rpc
