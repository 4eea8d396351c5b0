// Envelopes over streams, and rewrap in place with power cuts at every block.
#include "strongroom/client/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <random>

#include "strongroom/envelope/token.h"
#include "tests/cli/fake_client.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::client {
namespace {

using ::strongroom::testing::FakeBehaviour;
using ::strongroom::testing::FakeClient;
using ::strongroom::testing::HasReason;
using ::strongroom::testing::TempDir;
using ::testing::HasSubstr;

// Its tokens are real ones to look at; `version` is the primary.
class TokenClient final : public FakeClient {
 public:
  explicit TokenClient(FakeBehaviour& behaviour) : FakeClient(behaviour) {}

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

Bytes RandomBytes(size_t size, uint32_t seed) {
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

  FakeBehaviour behaviour_;
  TokenClient client_{behaviour_};
};

TEST_F(FilesTest, WhatIsSealedOpensForEverySizeAroundChunksAndPieces) {
  for (const size_t chunk : {size_t{4096}, size_t{65536}}) {
    const int log2 = chunk == 4096 ? 12 : 16;
    const size_t piece = size_t{1} << 20;
    for (const size_t size :
         {size_t{0}, size_t{1}, chunk - 1, chunk, chunk + 1, 2 * chunk,
          piece - 1, piece, piece + 1, 3 * piece, 5 * piece + 17}) {
      const Bytes plain = RandomBytes(size, 7);
      const Bytes sealed = Seal(plain, log2);
      const size_t chunks = std::max<size_t>(1, (size + chunk - 1) / chunk);
      EXPECT_EQ(sealed.size(), 3 * 4096 + size + 16 * chunks);
      const StatusOr<Bytes> opened = Open(sealed);
      ASSERT_OK(opened);
      EXPECT_TRUE(*opened == plain) << size;
    }
  }
}

TEST_F(FilesTest, TwoSealingsOfTheSameShareNothing) {
  const Bytes a = Seal(AsBytes("same")), b = Seal(AsBytes("same"));
  EXPECT_FALSE(std::equal(a.begin() + 12, a.begin() + 44, b.begin() + 12));
  EXPECT_FALSE(std::equal(a.end() - 20, a.end(), b.end() - 20));
}

TEST_F(FilesTest, EveryTruncationIsRefused) {
  const Bytes sealed = Seal(RandomBytes(9000, 1));
  for (size_t size = 0; size < sealed.size(); ++size) {
    // Every byte of head and tail; the zeros between by steps.
    if (size > 200 && size < 3 * 4096 - 8 && size % 97 != 0) continue;
    ExpectRefused(ByteView(sealed).first(size));
  }
}

TEST_F(FilesTest, ATruncationOfALargeOneIsRefusedAnywhere) {
  const Bytes plain = RandomBytes((size_t{5} << 20) + 17, 2);
  const Bytes sealed = Seal(plain, 16);
  std::mt19937 random(3);
  for (int i = 0; i < 30; ++i) {
    ExpectRefused(ByteView(sealed).first(random() % sealed.size()));
  }
  // Also where a chunk, or a piece of the pipeline, ends.
  for (const size_t chunks : {1, 15, 16, 17, 32, 80}) {
    ExpectRefused(ByteView(sealed).first(3 * 4096 + chunks * (65536 + 16)));
  }
}

TEST_F(FilesTest, AFlippedBitIsRefused) {
  const Bytes sealed = Seal(RandomBytes(5000, 1));
  const size_t blank = 2 * 4096;  // the slot that was never written
  for (size_t i = 0; i < sealed.size(); ++i) {
    if (i > 300 && i < 4096 && i % 97 != 0) continue;
    if (i > 4096 + 400 && i < 2 * 4096 - 8 && i % 97 != 0) continue;
    if (i >= blank && i < 3 * 4096) continue;
    Bytes changed = sealed;
    changed[i] ^= static_cast<uint8_t>(1u << (i % 8));
    ExpectRefused(changed);
  }
}

TEST_F(FilesTest, ChunksOutOfTheirPlaceAreRefused) {
  const Bytes sealed = Seal(RandomBytes(3 * 4096 + 100, 1));
  const size_t head = 3 * 4096, chunk = 4096 + 16;
  const auto with = [&](const std::vector<size_t>& order) {
    Bytes out(sealed.begin(), sealed.begin() + head);
    for (const size_t i : order) {
      const size_t at = head + i * chunk;
      Append(&out,
             ByteView(sealed).subspan(at, std::min(chunk, sealed.size() - at)));
    }
    return out;
  };
  ASSERT_OK(Open(with({0, 1, 2, 3})));
  for (const std::vector<size_t>& order : {std::vector<size_t>{1, 0, 2, 3},
                                           {0, 0, 1, 2, 3},
                                           {0, 2, 3},
                                           {0, 1, 2},
                                           {0, 1, 2, 3, 3},
                                           {3},
                                           {0, 1, 2, 2}}) {
    ExpectRefused(with(order));
  }
  Bytes longer = sealed;
  longer.push_back(0);
  ExpectRefused(longer);
}

TEST_F(FilesTest, NothingOfAPieceAfterAFailureIsWritten) {
  Bytes sealed = Seal(RandomBytes(size_t{3} << 20, 1), 16);
  const size_t second = 3 * 4096 + 16 * (65536 + 16) + 5;
  sealed[second] ^= 1;
  Bytes out;
  EXPECT_THAT(FileOpener(client_, Options()).Open(From(sealed), Into(&out)),
              HasReason(Reason::kNotAuthentic, HasSubstr("chunk 16")));
  EXPECT_EQ(out.size(), size_t{1} << 20);
}

TEST_F(FilesTest, FailuresOfBothEndsAreHandedOn) {
  const Status full = Error(Reason::kFileUnreadable, "no space");
  size_t taken = 0;
  const Sink sink = [&](ByteView bytes) -> Status {
    taken += bytes.size();
    return taken > (size_t{2} << 20) ? full : OkStatus();
  };
  EXPECT_THAT(FileSealer(client_, "a", Options())
                  .Seal(From(RandomBytes(size_t{8} << 20, 1)), sink),
              HasReason(Reason::kFileUnreadable, HasSubstr("no space")));
  const Source broken = [&](MutableByteView) -> StatusOr<size_t> {
    return Error(Reason::kFileUnreadable, "torn cable");
  };
  Bytes out;
  EXPECT_THAT(FileSealer(client_, "a", Options()).Seal(broken, Into(&out)),
              HasReason(Reason::kFileUnreadable, HasSubstr("torn cable")));
}

TEST_F(FilesTest, AnotherContextDoesNotOpen) {
  const Bytes sealed = Seal(AsBytes("data"));
  FileOptions options = Options();
  options.context = {{"object", "other"}};
  Bytes out;
  EXPECT_THAT(FileOpener(client_, options).Open(From(sealed), Into(&out)),
              HasReason(Reason::kNotAuthentic));
}

TEST_F(FilesTest, ADetachedEnvelopeOpensWithItsOwnSideFileOnly) {
  const Bytes plain = RandomBytes(100000, 3);
  Bytes body, side, other;
  const Sink side_sink = Into(&side), other_sink = Into(&other);
  Bytes ignored;
  const FileSealer sealer(client_, "a", Options());
  ASSERT_OK(sealer.Seal(From(plain), Into(&body), &side_sink));
  ASSERT_OK(sealer.Seal(From(plain), Into(&ignored), &other_sink));
  const auto open = [&](ByteView with) -> StatusOr<Bytes> {
    Bytes out;
    const Source source = From(with);
    const auto size =
        FileOpener(client_, Options()).Open(From(body), Into(&out), &source);
    if (!size.ok()) return size.status();
    return out;
  };
  ASSERT_OK_AND_ASSIGN(const Bytes opened, open(side));
  EXPECT_TRUE(opened == plain);
  EXPECT_THAT(open(other), HasReason(Reason::kMalformed, HasSubstr("another")));
  EXPECT_THAT(open(Seal(plain)), HasReason(Reason::kMalformed));
  EXPECT_THAT(Open(side), HasReason(Reason::kMalformed, HasSubstr("side")));
}

TEST_F(FilesTest, RangesGiveWhatIsThere) {
  TempDir dir;
  const Bytes plain = RandomBytes(3 * 4096 + 100, 5);
  const Bytes sealed = Seal(plain);
  const std::string path = dir.File("sealed");
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(sealed.data()),
             static_cast<std::streamsize>(sealed.size()));
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    const uint64_t offset = random() % (plain.size() + 100);
    const uint64_t size = random() % (plain.size() + 100);
    FILE* file = std::fopen(path.c_str(), "rb");
    ASSERT_NE(file, nullptr);
    Bytes out;
    const auto written =
        FileOpener(client_, Options())
            .OpenRange(fileno(file), path, offset, size, Into(&out));
    std::fclose(file);
    ASSERT_OK(written);
    const size_t from = std::min<uint64_t>(offset, plain.size());
    const size_t want = std::min<uint64_t>(size, plain.size() - from);
    ASSERT_EQ(out.size(), want);
    EXPECT_TRUE(std::equal(out.begin(), out.end(),
                           plain.begin() + static_cast<std::ptrdiff_t>(from)));
  }
}

TEST_F(FilesTest, SmallObjectsAreSealedInMemory) {
  const Envelope envelope(client_, "a", DefaultEnvelopeContext());
  for (const std::string& text :
       {std::string(), std::string("row"), std::string(70000, 'x')}) {
    ASSERT_OK_AND_ASSIGN(const Bytes sealed, envelope.Seal(AsBytes(text)));
    ASSERT_OK_AND_ASSIGN(const SecretBytes opened, envelope.Open(sealed));
    EXPECT_EQ(AsText(opened.Expose()), text);
  }
}

// A file on a disk with a cache: what was not synced may be lost, each block by
// itself, in any order.
class FaultFile final : public SlotFile {
 public:
  static constexpr size_t kBlock = 512;
  explicit FaultFile(Bytes content) : disk_(content), cache_(content) {}

  StatusOr<size_t> ReadAt(uint64_t offset, MutableByteView out) override {
    if (offset > cache_.size()) return 0;
    const size_t size = std::min<size_t>(out.size(), cache_.size() - offset);
    std::copy_n(cache_.begin() + static_cast<std::ptrdiff_t>(offset), size,
                out.begin());
    return size;
  }
  Status WriteAt(uint64_t offset, ByteView bytes) override {
    if (steps_left_-- == 0) return Error(Reason::kFileUnreadable, "power");
    std::ranges::copy(bytes,
                      cache_.begin() + static_cast<std::ptrdiff_t>(offset));
    for (uint64_t at = offset / kBlock * kBlock; at < offset + bytes.size();
         at += kBlock) {
      dirty_.push_back(at);
    }
    written += bytes.size();
    return OkStatus();
  }
  Status Sync() override {
    if (steps_left_-- == 0) return Error(Reason::kFileUnreadable, "power");
    disk_ = cache_;
    dirty_.clear();
    return OkStatus();
  }
  void FailAtStep(int step) { steps_left_ = step; }
  // AfterPowerCut is what the disk holds if just the dirty blocks chosen by the
  // bits of `kept` reached it.
  Bytes AfterPowerCut(uint64_t kept) const {
    Bytes content = disk_;
    for (size_t i = 0; i < dirty_.size(); ++i) {
      if ((kept >> (i % 64) & 1) == 0) continue;
      const auto at = static_cast<std::ptrdiff_t>(dirty_[i]);
      std::copy_n(cache_.begin() + at, kBlock, content.begin() + at);
    }
    return content;
  }
  size_t dirty() const { return dirty_.size(); }
  const Bytes& content() const { return cache_; }

  size_t written = 0;

 private:
  Bytes disk_;
  Bytes cache_;
  std::vector<uint64_t> dirty_;
  int steps_left_ = -1;
};

class RewrapTest : public FilesTest {
 protected:
  RewrapTest() { client_.version = 2; }
  static bool Contains(const Bytes& content, const Bytes& token) {
    return std::search(content.begin(), content.end(), token.begin(),
                       token.end()) != content.end();
  }
  void ExpectOpens(const Bytes& content) {
    const StatusOr<Bytes> opened = Open(content);
    ASSERT_OK(opened);
    EXPECT_TRUE(*opened == plain_);
  }

  // ExpectFinishes: the next rewrap goes on from what is left, and then only
  // the primary's token is there.
  void ExpectFinishes(const Bytes& content) {
    FaultFile file(content);
    ASSERT_OK(Rewrapper(client_).Rewrap(file));
    for (uint32_t version = 1; version < client_.version; ++version) {
      EXPECT_FALSE(Contains(file.content(), TokenClient::Token(version)));
    }
    ExpectOpens(file.content());
  }

  const Bytes plain_ = RandomBytes(10000, 9);
  const Bytes sealed_ = [this] {
    client_.version = 1;
    return Seal(plain_);
  }();
  const Bytes old_ = TokenClient::Token(1);
  const Bytes new_ = TokenClient::Token(2);
};

TEST_F(RewrapTest, AfterwardsTheOldTokenIsGoneAndTheBodyUntouched) {
  FaultFile file(sealed_);
  ASSERT_OK_AND_ASSIGN(const RewrapResult result,
                       Rewrapper(client_).Rewrap(file));
  EXPECT_TRUE(result.written);
  EXPECT_EQ(result.from_version, 1u);
  EXPECT_EQ(result.to_version, 2u);
  EXPECT_EQ(file.written, 2u * 4096);
  EXPECT_EQ(file.dirty(), 0u) << "flushed";
  EXPECT_FALSE(Contains(file.content(), old_));
  EXPECT_TRUE(std::equal(sealed_.begin() + 3 * 4096, sealed_.end(),
                         file.content().begin() + 3 * 4096));
  ExpectOpens(file.content());
  // And there is nothing more to do.
  ASSERT_OK_AND_ASSIGN(const RewrapResult again,
                       Rewrapper(client_).Rewrap(file));
  EXPECT_FALSE(again.written);
  EXPECT_EQ(file.written, 2u * 4096);
}

// From an envelope that was never rewrapped, and from one that was.
TEST_F(RewrapTest, APowerCutAtAnyStepLeavesAnOpenableFile) {
  FaultFile done(sealed_);
  ASSERT_OK(Rewrapper(client_).Rewrap(done));
  for (const Bytes& start : {sealed_, done.content()}) {
    client_.version = start == sealed_ ? 2 : 3;
    for (int step = 0; step < 4; ++step) {
      // Each choice of the eight blocks of a slot.
      for (uint64_t kept = 0; kept < 256; ++kept) {
        FaultFile file(start);
        file.FailAtStep(step);
        EXPECT_THAT(Rewrapper(client_).Rewrap(file),
                    HasReason(Reason::kFileUnreadable));
        const Bytes left = file.AfterPowerCut(kept);
        ExpectOpens(left);
        ExpectFinishes(left);
      }
    }
  }
}

TEST_F(RewrapTest, APowerCutOfTheRewrapAfterAPowerCutLeavesAnOpenableFile) {
  std::mt19937 random(5);
  for (int i = 0; i < 1000; ++i) {
    Bytes content = sealed_;
    for (client_.version = 2; client_.version < 5; ++client_.version) {
      FaultFile file(content);
      file.FailAtStep(static_cast<int>(random() % 4));
      if (Rewrapper(client_).Rewrap(file).ok()) continue;
      content = file.AfterPowerCut(random());
      ExpectOpens(content);
    }
    client_.version = 5;
    ExpectFinishes(content);
  }
}

TEST_F(RewrapTest, ASlotTornAtAnyByteLeavesAnOpenableFile) {
  FaultFile first(sealed_);
  first.FailAtStep(1);
  EXPECT_FALSE(Rewrapper(client_).Rewrap(first).ok());
  FaultFile done(sealed_);
  ASSERT_OK(Rewrapper(client_).Rewrap(done));
  const Bytes before[] = {sealed_, first.content()};
  const Bytes after[] = {first.content(), done.content()};
  for (size_t write = 0; write < 2; ++write) {
    const size_t slot = write == 0 ? 2 : 1;
    // Every byte of what a slot holds and of its crc; the zeros by steps.
    for (size_t size = 0; size <= 4096;
         size += size < 200 || size > 4080 ? 1 : 40) {
      Bytes torn = before[write];
      const auto at = static_cast<std::ptrdiff_t>(slot * 4096);
      std::copy_n(after[write].begin() + at, size, torn.begin() + at);
      ExpectOpens(torn);
      // The end first.
      torn = after[write];
      std::copy_n(before[write].begin() + at, size, torn.begin() + at);
      ExpectOpens(torn);
    }
  }
}

TEST_F(RewrapTest, ATornSlotIsWrittenAgainThoughTheOtherOneIsNew) {
  FaultFile done(sealed_);
  ASSERT_OK(Rewrapper(client_).Rewrap(done));
  Bytes torn = done.content();
  std::copy_n(sealed_.begin() + 4096, 300, torn.begin() + 4096);
  ASSERT_TRUE(Contains(torn, old_));
  FaultFile file(torn);
  ASSERT_OK(Rewrapper(client_).Rewrap(file));
  EXPECT_FALSE(Contains(file.content(), old_));
  ExpectOpens(file.content());
}

TEST_F(RewrapTest, WhatIsNotThisTokenAtALaterVersionIsNotWritten) {
  for (const Bytes& wrong : {TokenClient::Token(2, 5), Bytes{1, 2, 3}}) {
    FaultFile file(sealed_);
    client_.answer = wrong;
    EXPECT_FALSE(Rewrapper(client_).Rewrap(file).ok());
    EXPECT_TRUE(file.content() == sealed_);
  }
}

TEST_F(RewrapTest, ForgedSlotsAreRefused) {
  const auto with = [&](const std::array<envelope::BulkSlot, 2>& slots) {
    Bytes content = sealed_;
    for (size_t i = 0; i < 2; ++i) {
      const auto slot = envelope::SerializeBulkSlot(slots[i], 4096);
      EXPECT_OK(slot);
      std::ranges::copy(
          *slot, content.begin() + static_cast<std::ptrdiff_t>((i + 1) * 4096));
    }
    return content;
  };
  // Another DEK's token with a higher sequence.
  FaultFile other(with({{{1, old_}, {9, TokenClient::Token(3, 5)}}}));
  EXPECT_THAT(Rewrapper(client_).Rewrap(other),
              HasReason(Reason::kNotAuthentic, HasSubstr("different DEKs")));
  EXPECT_EQ(other.written, 0u);
  ExpectOpens(other.content());
  // Equal sequences: slot 0 counts, and both are replaced.
  FaultFile equal(with({{{7, old_}, {7, old_}}}));
  ASSERT_OK(Rewrapper(client_).Rewrap(equal));
  EXPECT_FALSE(Contains(equal.content(), old_));
  // The sequences are used up.
  FaultFile last(with({{{0x7fffffff, old_}, {0x7ffffffe, old_}}}));
  EXPECT_THAT(Rewrapper(client_).Rewrap(last),
              HasReason(Reason::kConflict, HasSubstr("anew")));
}

TEST_F(RewrapTest, TwoRewrapsOfOneFileAtOnceAreRefused) {
  TempDir dir;
  const std::string path = dir.File("sealed");
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(sealed_.data()),
             static_cast<std::streamsize>(sealed_.size()));
  auto file = OpenSlotFile(path);
  ASSERT_OK(file);
  EXPECT_THAT(OpenSlotFile(path),
              HasReason(Reason::kConflict, HasSubstr("another process")));
  ASSERT_OK(Rewrapper(client_).Rewrap(**file));
  file->reset();
  EXPECT_OK(OpenSlotFile(path));
  EXPECT_THAT(OpenSlotFile(dir.path()), HasReason(Reason::kFileUnreadable));
  EXPECT_THAT(OpenSlotFile("/dev/null"),
              HasReason(Reason::kFileUnreadable, HasSubstr("regular")));
}

}  // namespace
}  // namespace strongroom::client
