// Envelopes over streams.
#include "strongroom/client/files.h"

#include <fstream>

#include "tests/client/file_fixture.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::client {
namespace {

using ::strongroom::testing::HasReason;
using ::strongroom::testing::TempDir;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace strongroom::client
