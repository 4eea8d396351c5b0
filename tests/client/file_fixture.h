// Envelopes with a client whose tokens are real ones to look at.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>

#include "strongroom/client/files.h"
#include "strongroom/envelope/token.h"
#include "tests/cli/fake_client.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::client {

// Its tokens are real ones to look at; `version` is the primary.
class TokenClient final : public testing::FakeClient {
 public:
  explicit TokenClient(testing::FakeBehaviour& behaviour)
      : FakeClient(behaviour) {}

  static Bytes Token(uint32_t version, uint32_t index = 0) {
    envelope::Header header;
    header.key_version = version;
    header.sealed = Bytes(60, static_cast<uint8_t>(version));
    Bytes token = envelope::SerializeHeader(header);
    token.push_back(1);  // a wrapped DEK
    token.resize(token.size() + 8);
    AppendU32(&token, index);
    token.resize(token.size() + 32 + 16);
    return token;
  }
  StatusOr<DataKey> GenerateDataKey(
      std::string_view, uint32_t, bool, const Context&,
      const std::optional<Registering>&) override {
    return DataKey{Dek(), Token(version), version};
  }
  StatusOr<Opened> Unwrap(ByteView token, const Context& context,
                          std::string_view) override {
    const auto parsed = envelope::ParseToken(token);
    if (!parsed.ok()) return parsed.status();
    if (parsed->leaf.index != 0 || context != DefaultEnvelopeContext()) {
      return Error(Reason::kNotAuthentic, "it does not open");
    }
    return Opened{Dek(), "a", parsed->header.key_version};
  }
  StatusOr<Rewrapped> Rewrap(ByteView token, std::string_view) override {
    if (on_rewrap) on_rewrap();
    if (answer) return Rewrapped{*answer, "a", version, 1};
    const auto parsed = envelope::ParseToken(token);
    if (!parsed.ok()) return parsed.status();
    return Rewrapped{Token(version, parsed->leaf.index), "a", version,
                     parsed->header.key_version};
  }

  uint32_t version = 1;
  std::optional<Bytes> answer;
  std::function<void()> on_rewrap;

 private:
  static SecretBytes Dek() {
    return SecretBytes::CopyOf(AsBytes("0123456789abcdef0123456789abcdef"));
  }
};

inline Bytes RandomBytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

class FilesTest : public ::testing::Test {
 protected:
  static Source From(ByteView bytes) {
    auto left = std::make_shared<Bytes>(ToBytes(bytes));
    auto at = std::make_shared<size_t>(0);
    return [=](MutableByteView out) -> StatusOr<size_t> {
      const size_t size = std::min(out.size(), left->size() - *at);
      std::copy_n(left->begin() + static_cast<std::ptrdiff_t>(*at), size,
                  out.begin());
      *at += size;
      return size;
    };
  }
  static Sink Into(Bytes* out) {
    return [out](ByteView bytes) {
      Append(out, bytes);
      return OkStatus();
    };
  }
  FileOptions Options(int chunk_log2 = 12, int threads = 3) {
    FileOptions options;
    options.chunk_log2 = chunk_log2;
    options.threads = threads;
    return options;
  }
  Bytes Seal(ByteView plaintext, int chunk_log2 = 12) {
    Bytes out;
    EXPECT_OK(FileSealer(client_, "a", Options(chunk_log2))
                  .Seal(From(plaintext), Into(&out)));
    return out;
  }
  StatusOr<Bytes> Open(ByteView sealed) {
    Bytes out;
    const auto size =
        FileOpener(client_, Options()).Open(From(sealed), Into(&out));
    if (!size.ok()) return size.status();
    EXPECT_EQ(*size, out.size());
    return out;
  }
  void ExpectRefused(ByteView sealed) {
    const StatusOr<Bytes> opened = Open(sealed);
    ASSERT_FALSE(opened.ok());
    EXPECT_THAT(ReasonOf(opened.status()),
                ::testing::AnyOf(Reason::kMalformed, Reason::kNotAuthentic,
                                 Reason::kFormatUnknown));
  }

  testing::FakeBehaviour behaviour_;
  TokenClient client_{behaviour_};
};

}  // namespace strongroom::client
