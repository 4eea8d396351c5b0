#include "rpc/buffers.h"

#include <utility>

namespace strongroom::rpc {
namespace {

MutableByteView BytesOf(const grpc::Slice& slice) {
  return {const_cast<uint8_t*>(slice.begin()), slice.size()};
}

void Reclaim(void* released) { WipedBytes::Reclaim(released); }

}  // namespace

Received::Received(const grpc::ByteBuffer& buffer) {
  if (buffer.TrySingleSlice(&slice_).ok()) {
    piece_ = BytesOf(slice_);
    pieces_ = {&piece_, 1};
    return;
  }
  if (!buffer.Dump(&slices_).ok()) return;
  for (const grpc::Slice& slice : slices_) more_.push_back(BytesOf(slice));
  pieces_ = more_;
}

grpc::ByteBuffer ToBuffer(WipedBytes bytes) {
  uint8_t* data = bytes.data();
  const size_t size = bytes.size();
  grpc::Slice slice(data, size, &Reclaim, bytes.Release());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace strongroom::rpc
