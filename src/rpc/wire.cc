#include "rpc/wire.h"

#include <grpcpp/impl/codegen/proto_buffer_reader.h>

#include <new>
#include <vector>

#include "strongroom/base/secret_bytes.h"

namespace strongroom::rpc {
namespace {

// What a slice of ours lies in: its size, and behind that its bytes.
struct WipedBlock {
  size_t size;
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
};

void WipeAndFree(void* user_data) {
  auto* block = static_cast<WipedBlock*>(user_data);
  WipeMemory(block->data(), block->size);
  operator delete(block);
}

Status Malformed(const google::protobuf::MessageLite& message) {
  return Error(Reason::kMalformed,
               "the request is not a " + message.GetTypeName() +
                   " message; want protobuf as in the .proto files");
}

}  // namespace

Status ParseMessage(const grpc::ByteBuffer& buffer,
                    google::protobuf::MessageLite* message) {
  // The reader wants a mutable pointer and does not change the buffer.
  grpc::ProtoBufferReader reader(const_cast<grpc::ByteBuffer*>(&buffer));
  if (!reader.status().ok() || !message->ParseFromZeroCopyStream(&reader)) {
    return Malformed(*message);
  }
  return OkStatus();
}

Status ParseMessage(const std::string& bytes,
                    google::protobuf::MessageLite* message) {
  return message->ParseFromString(bytes) ? OkStatus() : Malformed(*message);
}

void WipeBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return;
  for (const grpc::Slice& slice : slices) {
    // Received slices are gRPC's heap memory, and this message's range of it
    // is ours alone once it was delivered. A short message lies inside the
    // slice itself, of which this is a copy: that one is beyond our reach.
    WipeMemory(const_cast<uint8_t*>(slice.begin()), slice.size());
  }
}

grpc::ByteBuffer MakeWipedBuffer(size_t size,
                                 const std::function<void(uint8_t*)>& fill) {
  auto* block = new (operator new(sizeof(WipedBlock) + size)) WipedBlock{size};
  fill(block->data());
  grpc::Slice slice(block->data(), size, &WipeAndFree, block);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer SerializeMessage(
    const google::protobuf::MessageLite& message) {
  return MakeWipedBuffer(message.ByteSizeLong(), [&](uint8_t* to) {
    message.SerializeWithCachedSizesToArray(to);
  });
}

}  // namespace strongroom::rpc
