// TakePlainItems against protobuf's own parser: what it takes, protobuf takes
// as the same message; what it takes apart and then is refused, protobuf
// refuses. What it does not take is protobuf's alone.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "wire/batch.h"
#include "wire/fields.h"

namespace strongroom::testing {

// Cut holds a message in pieces of `size` bytes, as one may come.
class Cut {
 public:
  Cut(const std::string& bytes, size_t size) : bytes_(ToBytes(AsBytes(bytes))) {
    for (size_t at = 0; at < bytes_.size(); at += size) {
      pieces_.push_back(MutableByteView(bytes_).subspan(
          at, std::min(size, bytes_.size() - at)));
    }
  }
  wire::Pieces pieces() const { return pieces_; }

 private:
  Bytes bytes_;
  std::vector<MutableByteView> pieces_;
};

// All of the message, unknown fields too; maps in one order.
inline std::string AllOf(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

inline std::string SecretOf(const v1::BatchWrapRequest::Item& item) {
  return item.dek();
}
inline std::string SecretOf(const v1::BatchEncryptRequest::Item& item) {
  return item.plaintext();
}

// Disagreement says what the two readers of `bytes` disagree about, if they do.
template <wire::BatchOfSecrets Request>
std::optional<std::string> Disagreement(const std::string& bytes,
                                        size_t slice) {
  const auto taken = wire::TakePlainItems(Cut(bytes, slice).pieces());
  if (!taken) return std::nullopt;
  Request whole;
  const bool good = whole.ParseFromString(bytes);
  Request rest;
  if (wire::ParseMessage(taken->rest, &rest).ok() != good) {
    return good ? "protobuf accepts what is refused here"
                : "protobuf refuses what is accepted here";
  }
  if (!good) return std::nullopt;
  if (rest.items_size() != 0) return "items are left in the rest";
  if (taken->secrets.size() != static_cast<size_t>(whole.items_size())) {
    return "another number of items";
  }
  for (int i = 0; i < whole.items_size(); ++i) {
    const ByteView secret = taken->secrets[static_cast<size_t>(i)].Expose();
    if (AsText(secret) != SecretOf(whole.items(i))) return "another secret";
    typename Request::Item bare = whole.items(i);
    wire::WipeSecrets(&bare);
    // Wiped is emptied: what remains is more than a secret.
    if (!AllOf(bare).empty()) return "an item with more than a secret";
  }
  whole.clear_items();
  if (AllOf(whole) != AllOf(rest)) return "another rest";
  return std::nullopt;
}

}  // namespace strongroom::testing
