// Long because one fixture writes the log that all of its cases read, line by
// line.
#include "strongroom/audit/audit_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "audit/record_format.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::audit {
namespace {

using ::strongroom::testing::HasReason;
using ::strongroom::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Contents(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<uint64_t> Sequences(const std::string& path) {
  std::vector<uint64_t> sequences;
  for (const std::string& line : Lines(path)) {
    sequences.push_back(SequenceOf(line).value_or(0));
  }
  return sequences;
}

Record Named(std::string_view operation) {
  Record record;
  record.operation = operation;
  record.outcome = "OK";
  return record;
}

// FileSizeLimit lets no file grow beyond `bytes` while it lives: to a writer
// that is a full disk, short writes included.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(size_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    struct rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  struct rlimit before_;
};

// Replaced makes the descriptors of this process that are open on `path` mean
// `other` instead: the disk breaks under the log's feet. Its end mends it.
class Replaced {
 public:
  Replaced(const std::string& path, int other) {
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      if (std::filesystem::read_symlink(entry, gone) != path) continue;
      fd_ = std::stoi(entry.path().filename().string());
    }
    EXPECT_GE(fd_, 0) << path;
    saved_ = dup(fd_);
    dup2(other, fd_);
  }
  ~Replaced() {
    dup2(saved_, fd_);
    close(saved_);
  }

 private:
  int fd_ = -1;
  int saved_ = -1;
};

class AuditLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<AuditLog> Open() {
    auto log = OpenAuditLog(path_, NullMetrics());
    EXPECT_OK(log);
    return log.ok() ? *std::move(log) : nullptr;
  }
  void Write(std::string_view text) {
    std::ofstream(path_, std::ios::binary) << text;
  }

  TempDir dir_;
  const std::string path_ = dir_.File("audit.jsonl");
};

TEST_F(AuditLogTest, ARecordIsInTheFileWhenAppendReturns) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("Wrap"), Durability::kWritten));
  EXPECT_THAT(Lines(path_), ElementsAre(FormatRecord(Named("Wrap"), 1)));
  ASSERT_OK(log->Append(Named("CreateKey"), Durability::kDurable));
  EXPECT_THAT(Lines(path_), ElementsAre(FormatRecord(Named("Wrap"), 1),
                                        FormatRecord(Named("CreateKey"), 2)));
}

TEST_F(AuditLogTest, TheFileIsMadeForItsOwnerAlone) {
  auto log = Open();
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(AuditLogTest, NumbersGoOnAfterARestart) {
  for (int start = 0; start < 3; ++start) {
    auto log = Open();
    ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
    ASSERT_OK(log->Append(Named("b"), Durability::kDurable));
  }
  EXPECT_THAT(Sequences(path_), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(AuditLogTest, ATornLastLineIsEndedWhereverItWasCut) {
  std::string first = FormatRecord(Named("a"), 8) + "\n";
  std::string second = FormatRecord(Named("b"), 9);
  for (size_t cut = 1; cut <= second.size(); ++cut) {
    std::string torn = second.substr(0, cut);
    Write(first + torn);
    ASSERT_OK(Open()->Append(Named("c"), Durability::kWritten));
    // The number of a torn line is not used again if it can be read.
    uint64_t next = SequenceOf(torn).has_value() ? 10 : 9;
    EXPECT_EQ(Contents(path_),
              first + torn + "\n" + FormatRecord(Named("c"), next) + "\n");
  }
}

TEST_F(AuditLogTest, AFirstLineTornAtOnceIsEnded) {
  Write("{\"se");
  ASSERT_OK(Open()->Append(Named("a"), Durability::kWritten));
  EXPECT_EQ(Contents(path_), "{\"se\n" + FormatRecord(Named("a"), 1) + "\n");
}

TEST_F(AuditLogTest, AFileThatIsNoAuditLogIsRefusedAndLeftAlone) {
  for (std::string text : {"root:x:0:0:root:/root:/bin/sh\n", "\n\n", "x"}) {
    Write(text);
    EXPECT_THAT(OpenAuditLog(path_, NullMetrics()),
                HasReason(Reason::kAuditUnavailable, HasSubstr(path_)));
    EXPECT_EQ(Contents(path_), text);
  }
}

TEST_F(AuditLogTest, WhatCannotBeOpenedIsRefused) {
  EXPECT_THAT(OpenAuditLog(dir_.File("no/such/dir"), NullMetrics()),
              HasReason(Reason::kAuditUnavailable, HasSubstr("No such file")));
  EXPECT_THAT(OpenAuditLog(dir_.path(), NullMetrics()),
              HasReason(Reason::kAuditUnavailable));
  EXPECT_THAT(
      OpenAuditLog("/dev/full", NullMetrics()),
      HasReason(Reason::kAuditUnavailable, HasSubstr("not a regular file")));
}

TEST_F(AuditLogTest, AFullDiskRefusesAndTheLogRecoversByItself) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
  std::string before = Contents(path_);
  {
    FileSizeLimit limit(before.size());
    for (auto durability : {Durability::kWritten, Durability::kDurable}) {
      EXPECT_THAT(log->Append(Named("b"), durability),
                  HasReason(Reason::kAuditUnavailable, HasSubstr("too large")));
    }
    EXPECT_EQ(Contents(path_), before);
  }
  ASSERT_OK(log->Append(Named("c"), Durability::kDurable));
  EXPECT_THAT(Lines(path_), ElementsAre(FormatRecord(Named("a"), 1),
                                        FormatRecord(Named("c"), 2)));
}

TEST_F(AuditLogTest, AShortWriteRefusesAndItsTornLineIsEndedFirst) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
  std::string before = Contents(path_);
  std::string torn = FormatRecord(Named("b"), 2);
  {
    FileSizeLimit limit(before.size() + torn.size());  // no room for newline
    EXPECT_THAT(log->Append(Named("b"), Durability::kDurable),
                HasReason(Reason::kAuditUnavailable));
    // Still no room, not even to end the line.
    EXPECT_THAT(log->Append(Named("b"), Durability::kWritten),
                HasReason(Reason::kAuditUnavailable));
    EXPECT_EQ(Contents(path_), before + torn);
  }
  ASSERT_OK(log->Append(Named("c"), Durability::kWritten));
  EXPECT_EQ(Contents(path_),
            before + torn + "\n" + FormatRecord(Named("c"), 3) + "\n");
}

TEST_F(AuditLogTest, ADiskThatReportsNoSpaceRefusesUntilItHasSome) {
  auto log = Open();
  int full = open("/dev/full", O_RDWR | O_CLOEXEC);
  {
    Replaced broken(path_, full);
    EXPECT_THAT(log->Append(Named("a"), Durability::kWritten),
                HasReason(Reason::kAuditUnavailable, HasSubstr("No space")));
    EXPECT_THAT(log->Ready(), HasReason(Reason::kAuditUnavailable));
  }
  close(full);
  ASSERT_OK(log->Append(Named("b"), Durability::kWritten));
  EXPECT_OK(log->Ready());
  EXPECT_THAT(Sequences(path_), ElementsAre(1));
}

TEST_F(AuditLogTest, WhatIsWrittenButCannotBeSyncedIsNotDurable) {
  auto log = Open();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // takes bytes, but fdatasync is not for pipes
  {
    Replaced broken(path_, ends[1]);
    EXPECT_OK(log->Append(Named("a"), Durability::kWritten));
    EXPECT_THAT(
        log->Append(Named("b"), Durability::kDurable),
        HasReason(Reason::kAuditUnavailable, HasSubstr("made durable")));
    EXPECT_THAT(log->Reopen(), HasReason(Reason::kAuditUnavailable));
  }
  close(ends[0]);
  close(ends[1]);
  ASSERT_OK(log->Append(Named("c"), Durability::kDurable));
  EXPECT_THAT(Sequences(path_), ElementsAre(3));
}

TEST_F(AuditLogTest, ReopenGoesOnInANewFileWithTheNextNumber) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
  std::string rotated = dir_.File("audit.jsonl.1");
  std::filesystem::rename(path_, rotated);
  ASSERT_OK(log->Append(Named("b"), Durability::kWritten));
  ASSERT_OK(log->Reopen());
  ASSERT_OK(log->Append(Named("c"), Durability::kDurable));
  EXPECT_THAT(Sequences(rotated), ElementsAre(1, 2));
  EXPECT_THAT(Sequences(path_), ElementsAre(3));
}

TEST_F(AuditLogTest, ARemovedFileIsBegunAnewWithoutBeingTold) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
  std::filesystem::remove(path_);
  ASSERT_OK(log->Append(Named("b"), Durability::kDurable));
  ASSERT_OK(log->Append(Named("c"), Durability::kWritten));
  // The number that is missing shows what was taken away.
  EXPECT_THAT(Sequences(path_), ElementsAre(2, 3));
}

TEST_F(AuditLogTest, ARemovedFileThatCannotBeBegunAnewRefuses) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  for (auto durability : {Durability::kWritten, Durability::kDurable}) {
    EXPECT_THAT(log->Append(Named("b"), durability),
                HasReason(Reason::kAuditUnavailable));
  }
  EXPECT_THAT(log->Ready(), HasReason(Reason::kAuditUnavailable));
  std::filesystem::remove(path_);
  ASSERT_OK(log->Append(Named("c"), Durability::kWritten));
  EXPECT_THAT(Sequences(path_), ElementsAre(2));
}

TEST_F(AuditLogTest, AFileThatMayNotBeWrittenAnyMoreRefuses) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
  int read_only = open("/dev/null", O_RDONLY | O_CLOEXEC);
  {
    Replaced broken(path_, read_only);
    EXPECT_THAT(log->Append(Named("b"), Durability::kWritten),
                HasReason(Reason::kAuditUnavailable));
  }
  close(read_only);
  ASSERT_OK(log->Append(Named("c"), Durability::kWritten));
  EXPECT_THAT(Sequences(path_), ElementsAre(1, 2));
}

TEST_F(AuditLogTest, AFileCutToNothingGoesOnFromItsStart) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
  std::filesystem::resize_file(path_, 0);
  ASSERT_OK(log->Append(Named("b"), Durability::kWritten));
  EXPECT_EQ(Contents(path_), FormatRecord(Named("b"), 2) + "\n");
}

TEST_F(AuditLogTest, AReopenThatFailsKeepsTheOldFile) {
  auto log = Open();
  std::string rotated = dir_.File("audit.jsonl.1");
  std::filesystem::rename(path_, rotated);
  std::filesystem::create_directory(path_);
  EXPECT_THAT(log->Reopen(), HasReason(Reason::kAuditUnavailable));
  ASSERT_OK(log->Append(Named("a"), Durability::kDurable));
  EXPECT_THAT(Sequences(rotated), ElementsAre(1));
}

// Told is what a record's `then` was given, and how many lines there were.
struct Told {
  Status status;
  size_t lines;
};

TEST_F(AuditLogTest, WhatIsTogetherIsWrittenBeforeAnyOfItIsTold) {
  auto log = Open();
  std::vector<Told> told;
  log->Together([&] {
    for (const char* name : {"a", "b", "c"}) {
      log->AppendThen(Named(name), Durability::kWritten, [&](Status status) {
        told.push_back({std::move(status), Lines(path_).size()});
      });
    }
    EXPECT_TRUE(told.empty());
    EXPECT_TRUE(Lines(path_).empty());
  });
  EXPECT_THAT(Lines(path_), ElementsAre(FormatRecord(Named("a"), 1),
                                        FormatRecord(Named("b"), 2),
                                        FormatRecord(Named("c"), 3)));
  ASSERT_EQ(told.size(), 3u);
  for (const Told& each : told) {
    EXPECT_OK(each.status);
    EXPECT_EQ(each.lines, 3u);
  }
}

TEST_F(AuditLogTest, WhatMustBeDurableWaitsForNoOthers) {
  auto log = Open();
  int told = 0;
  log->AppendThen(Named("alone"), Durability::kWritten,
                  [&](const Status&) { ++told; });
  EXPECT_EQ(told, 1);
  log->Together([&] {
    log->AppendThen(Named("durable"), Durability::kDurable,
                    [&](const Status&) { ++told; });
    EXPECT_EQ(told, 2);
    std::thread([&] {
      log->AppendThen(Named("elsewhere"), Durability::kWritten,
                      [&](const Status&) { ++told; });
    }).join();
    EXPECT_EQ(told, 3);
  });
  EXPECT_EQ(told, 3);
  EXPECT_EQ(Lines(path_).size(), 3u);
}

TEST_F(AuditLogTest, OfWhatIsTogetherTheWholeLinesAreWrittenAndTheRestRefused) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("first"), Durability::kWritten));
  const size_t line = FormatRecord(Named("b"), 2).size() + 1;
  const size_t begun = std::filesystem::file_size(path_);
  std::vector<Status> told;
  {
    FileSizeLimit limit(begun + 2 * line + line / 2);
    log->Together([&] {
      for (int i = 0; i < 4; ++i) {
        log->AppendThen(Named("b"), Durability::kWritten,
                        [&](Status status) { told.push_back(status); });
      }
    });
  }
  ASSERT_EQ(told.size(), 4u);
  EXPECT_OK(told[0]);
  EXPECT_OK(told[1]);
  EXPECT_THAT(told[2], HasReason(Reason::kAuditUnavailable));
  EXPECT_THAT(told[3], HasReason(Reason::kAuditUnavailable));
  ASSERT_OK(log->Append(Named("last"), Durability::kWritten));
  // The torn line has kept its number.
  EXPECT_EQ(Lines(path_).back(), FormatRecord(Named("last"), 5));
}

TEST_F(AuditLogTest, ManyThreadsLoseNothingAndNumberWithoutGaps) {
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  auto log = Open();
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        Record record = Named(std::to_string(t) + "." + std::to_string(i));
        auto durability =
            i % 50 == 0 ? Durability::kDurable : Durability::kWritten;
        if (!log->Append(record, durability).ok()) ++failures;
        if (i == kEach / 2 && !log->Reopen().ok()) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  std::set<std::string> operations;
  uint64_t expected = 1;
  for (const std::string& line : Lines(path_)) {
    EXPECT_EQ(SequenceOf(line), expected++);
    size_t at = line.find("\"operation\":");
    operations.insert(line.substr(at, line.find(',', at) - at));
  }
  EXPECT_EQ(operations.size(), size_t{kThreads} * kEach);
}

TEST_F(AuditLogTest, NobodyIsLeftWaitingWhenTheDiskFillsUnderManyThreads) {
  auto log = Open();
  ASSERT_OK(log->Append(Named("a"), Durability::kWritten));
  std::atomic<int> written = 0;
  {
    FileSizeLimit limit(5000);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          auto durability =
              i % 5 == 0 ? Durability::kDurable : Durability::kWritten;
          if (log->Append(Named("b"), durability).ok()) ++written;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  ASSERT_OK(log->Append(Named("c"), Durability::kDurable));
  // What was confirmed is there; the one torn line is nobody's.
  int whole = 0;
  for (const std::string& line : Lines(path_)) {
    if (line.find("\"operation\":\"b\"") != std::string::npos &&
        line.back() == '}') {
      ++whole;
    }
  }
  EXPECT_GE(whole, written.load());
  EXPECT_LE(whole, written.load() + 1);
  EXPECT_GT(written.load(), 0);
  EXPECT_LT(written.load(), 200);
}

}  // namespace
}  // namespace strongroom::audit
