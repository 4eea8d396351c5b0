// Bytes in and out of gRPC, with secrets wiped where our reach ends.
//
// What cannot be wiped: gRPC's own read buffers beyond the message's slices,
// TLS staging buffers, the kernel's socket buffers. They are bounded by live
// connections and reused.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <string>

#include "strongroom/base/status.h"

namespace strongroom::rpc {

// ParseMessage reads the whole buffer. MALFORMED if it is not a message of this
// type (strings that are not UTF-8 included).
Status ParseMessage(const grpc::ByteBuffer& buffer,
                    google::protobuf::MessageLite* message);
Status ParseMessage(const std::string& bytes,
                    google::protobuf::MessageLite* message);

// WipeBuffer overwrites a received buffer's bytes in place, best effort: call
// it when nobody will read them again.
void WipeBuffer(const grpc::ByteBuffer& buffer);

// MakeWipedBuffer is a buffer of `size` bytes that `fill` writes, all of them;
// they are wiped when gRPC lets go of it.
grpc::ByteBuffer MakeWipedBuffer(size_t size,
                                 const std::function<void(uint8_t*)>& fill);

// SerializeMessage writes into such a buffer.
grpc::ByteBuffer SerializeMessage(const google::protobuf::MessageLite& message);

}  // namespace strongroom::rpc
