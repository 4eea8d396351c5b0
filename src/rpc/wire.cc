#include "rpc/wire.h"

#include <grpcpp/impl/codegen/proto_buffer_reader.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "strongroom/base/secret_bytes.h"

namespace strongroom::rpc {
namespace {

// WipedBlock is what a slice of ours points to.
struct WipedBlock {
  std::unique_ptr<uint8_t[]> data;
  size_t size;
};

void WipeAndFree(void* user_data) {
  std::unique_ptr<WipedBlock> block(static_cast<WipedBlock*>(user_data));
  WipeMemory(block->data.get(), block->size);
}

}  // namespace

Status ParseMessage(const grpc::ByteBuffer& buffer,
                    google::protobuf::MessageLite* message) {
  // The reader wants a mutable pointer and does not change the buffer.
  grpc::ProtoBufferReader reader(const_cast<grpc::ByteBuffer*>(&buffer));
  if (!reader.status().ok() || !message->ParseFromZeroCopyStream(&reader)) {
    return Error(Reason::kMalformed,
                 "the request is not a " + message->GetTypeName() +
                     " message; want protobuf as in the .proto files");
  }
  return OkStatus();
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

grpc::ByteBuffer SerializeMessage(
    const google::protobuf::MessageLite& message) {
  size_t size = message.ByteSizeLong();
  auto block = std::make_unique<WipedBlock>();
  block->data = std::make_unique<uint8_t[]>(size);
  block->size = size;
  message.SerializeWithCachedSizesToArray(block->data.get());
  uint8_t* data = block->data.get();
  grpc::Slice slice(data, size, &WipeAndFree, block.release());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace strongroom::rpc
