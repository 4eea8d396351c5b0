// The opener of the client library: a good envelope, edited by a script that is
// the input, gives its plaintext or is refused, and then nothing of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "strongroom/client/files.h"
#include "strongroom/envelope/body_cipher.h"
#include "tests/cli/fake_client.h"
#include "tests/fuzz/check.h"

using strongroom::Bytes;
using strongroom::ByteView;
using strongroom::MutableByteView;
using strongroom::OkStatus;
using strongroom::Reason;
using strongroom::SecretBytes;
using strongroom::StatusOr;
using strongroom::fuzz::Require;
using strongroom::fuzz::RequireRefusal;
namespace client = strongroom::client;
namespace envelope = strongroom::envelope;

namespace {

// Three chunks, the last one short, and slots of 512 bytes.
constexpr size_t kPlainSize = 2 * 4096 + 100;

const Bytes& Plain() {
  static const Bytes* const plain = [] {
    auto* bytes = new Bytes(kPlainSize);
    for (size_t i = 0; i < kPlainSize; ++i) {
      (*bytes)[i] = static_cast<uint8_t>(i * 7 + i / 256);
    }
    return bytes;
  }();
  return *plain;
}

Bytes Token() {
  Bytes token = strongroom::ToBytes(strongroom::AsBytes("T1:"));
  token.resize(token.size() + envelope::kBulkDekSize);
  return token;
}

Bytes Sealed() {
  envelope::BulkHead head;
  head.fixed.chunk_log2 = 12;
  head.fixed.slot_log2 = 9;
  const SecretBytes dek(envelope::kBulkDekSize);
  const auto keys = envelope::BodyKeys::Derive(dek, head.fixed);
  head.fixed.commitment = keys->commitment;
  head.slots[0] = {.sequence = 1, .token = Token()};
  Bytes out = envelope::SerializeBulkHead(head);
  auto cipher = envelope::ChunkCipher::Create(
      *keys, envelope::ChunkCipher::Direction::kSeal);
  for (size_t at = 0, index = 0; at < kPlainSize; at += 4096, ++index) {
    const size_t size = std::min<size_t>(4096, kPlainSize - at);
    Bytes chunk(size + envelope::kChunkTagSize);
    Require(cipher
                ->Seal(index, at + size == kPlainSize,
                       ByteView(Plain()).subspan(at, size), chunk.data())
                .ok(),
            "it seals");
    strongroom::Append(&out, chunk);
  }
  return out;
}

// The script: an operation, a place, a length, and what they need.
class Editor {
 public:
  Editor(ByteView script, Bytes bytes) : script_(script), bytes_(bytes) {}

  Bytes Edited() {
    while (!script_.empty()) {
      const uint8_t operation = Take();
      const size_t at = Place();
      const size_t size = std::min<size_t>(Take(), bytes_.size() - at);
      const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(at);
      const auto end = begin + static_cast<std::ptrdiff_t>(size);
      switch (operation % 6) {
        case 0:
          std::generate(begin, end, [this] { return Take(); });
          break;
        case 1:
          bytes_.erase(begin, end);
          break;
        case 2:
          bytes_.insert(begin, Take() % 32, Take());
          break;
        case 3:
          bytes_.resize(at);
          break;
        case 4: {
          const Bytes copy(begin, end);
          const size_t to = Place();
          bytes_.insert(bytes_.begin() + static_cast<std::ptrdiff_t>(to),
                        copy.begin(), copy.end());
          break;
        }
        default:
          // A whole chunk to another place.
          std::rotate(bytes_.begin(), begin, bytes_.end());
      }
      if (bytes_.size() > 65536) bytes_.resize(65536);
    }
    return bytes_;
  }

 private:
  uint8_t Take() {
    if (script_.empty()) return 0;
    const uint8_t byte = script_[0];
    script_ = script_.subspan(1);
    return byte;
  }
  size_t Place() {
    const size_t high = Take();
    return (high << 8 | Take()) % (bytes_.size() + 1);
  }

  ByteView script_;
  Bytes bytes_;
};

// A service that opens any token with the prefix.
class Service final : public strongroom::testing::FakeClient {
 public:
  using FakeClient::FakeClient;
  StatusOr<client::Opened> Unwrap(ByteView token, const client::Context&,
                                  std::string_view) override {
    if (token.size() < 3) {
      return Error(Reason::kNotAuthentic, "it does not open");
    }
    return client::Opened{SecretBytes::CopyOf(token.subspan(3)), "a", 1};
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Bytes* const sealed = new Bytes(Sealed());
  // Every other input is an envelope itself.
  const ByteView input(data, size);
  const bool raw = size > 0 && (data[0] & 1) != 0;
  const Bytes bytes = raw ? strongroom::ToBytes(input.subspan(1))
                          : Editor(input.subspan(size > 0), *sealed).Edited();
  size_t at = 0;
  const client::Source source = [&](MutableByteView out) -> StatusOr<size_t> {
    const size_t count = std::min(out.size(), bytes.size() - at);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), count,
                out.begin());
    at += count;
    return count;
  };
  Bytes opened;
  strongroom::testing::FakeBehaviour behaviour;
  Service service(behaviour);
  const auto done = client::FileOpener(service, client::FileOptions())
                        .Open(source, [&](ByteView part) {
                          strongroom::Append(&opened, part);
                          return OkStatus();
                        });
  if (!done.ok()) {
    RequireRefusal(done.status(), Reason::kMalformed, Reason::kFormatUnknown,
                   Reason::kNotAuthentic);
    Require(opened.empty(), "nothing is released of what does not open");
  } else if (!raw) {
    Require(*done == opened.size() && opened == Plain(),
            "what opens is what was sealed");
  }
  return 0;
}
