// Messages as bytes: in from wherever a door has them, out into memory that is
// wiped.
#pragma once

#include <google/protobuf/io/zero_copy_stream.h>
#include <google/protobuf/message_lite.h>

#include <span>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/base/wiped_bytes.h"

namespace strongroom::wire {

// Pieces are the bytes of one message, in order. Whoever lends them lets them
// be wiped.
using Pieces = std::span<const MutableByteView>;
size_t SizeOf(Pieces pieces);
void Wipe(Pieces pieces);

// ParseMessage reads all of them. MALFORMED if they are not a message of this
// type (strings that are not UTF-8 included).
Status ParseMessage(Pieces pieces, google::protobuf::MessageLite* message);
Status ParseMessage(const std::string& bytes,
                    google::protobuf::MessageLite* message);

WipedBytes SerializeMessage(const google::protobuf::MessageLite& message);

// PieceStream gives protobuf pieces to read; they outlive it.
class PieceStream final : public google::protobuf::io::ZeroCopyInputStream {
 public:
  explicit PieceStream(Pieces pieces) : pieces_(pieces) {}

  bool Next(const void** data, int* size) override;
  void BackUp(int count) override;
  bool Skip(int count) override;
  int64_t ByteCount() const override { return count_; }

 private:
  const Pieces pieces_;
  size_t piece_ = 0;   // the one to be read
  size_t offset_ = 0;  // from where in it
  int64_t count_ = 0;
};

}  // namespace strongroom::wire
