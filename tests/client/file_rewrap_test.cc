// Rewrap in place, with power cuts at every block.
#include <fstream>

#include "tests/client/file_fixture.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::client {
namespace {

using ::strongroom::testing::HasReason;
using ::strongroom::testing::TempDir;
using ::testing::HasSubstr;

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
