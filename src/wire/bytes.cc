#include "wire/bytes.h"

#include <algorithm>
#include <string>

#include "strongroom/base/secret_bytes.h"

namespace strongroom::wire {
namespace {

Status Malformed(const google::protobuf::MessageLite& message) {
  return Error(Reason::kMalformed,
               "the request is not a " + message.GetTypeName() +
                   " message; want protobuf as in the .proto files");
}

}  // namespace

size_t SizeOf(Pieces pieces) {
  size_t size = 0;
  for (const MutableByteView& piece : pieces) size += piece.size();
  return size;
}

void Wipe(Pieces pieces) {
  for (const MutableByteView& piece : pieces) {
    WipeMemory(piece.data(), piece.size());
  }
}

Status ParseMessage(Pieces pieces, google::protobuf::MessageLite* message) {
  bool good = false;
  if (pieces.size() == 1) {
    good = message->ParseFromArray(pieces[0].data(),
                                   static_cast<int>(pieces[0].size()));
  } else {
    PieceStream stream(pieces);
    good = message->ParseFromZeroCopyStream(&stream);
  }
  return good ? OkStatus() : Malformed(*message);
}

Status ParseMessage(const std::string& bytes,
                    google::protobuf::MessageLite* message) {
  return message->ParseFromString(bytes) ? OkStatus() : Malformed(*message);
}

WipedBytes SerializeMessage(const google::protobuf::MessageLite& message) {
  WipedBytes bytes(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(bytes.data());
  return bytes;
}

bool PieceStream::Next(const void** data, int* size) {
  while (piece_ < pieces_.size() && offset_ == pieces_[piece_].size()) {
    ++piece_;
    offset_ = 0;
  }
  if (piece_ == pieces_.size()) return false;
  *data = pieces_[piece_].data() + offset_;
  *size = static_cast<int>(pieces_[piece_].size() - offset_);
  offset_ = pieces_[piece_].size();
  count_ += *size;
  return true;
}

// Only ever after Next, and by no more than that gave.
void PieceStream::BackUp(int count) {
  offset_ -= static_cast<size_t>(count);
  count_ -= count;
}

bool PieceStream::Skip(int count) {
  const void* data = nullptr;
  int size = 0;
  while (count > 0) {
    if (!Next(&data, &size)) return false;
    if (size > count) BackUp(size - count);
    count -= std::min(size, count);
  }
  return true;
}

}  // namespace strongroom::wire
