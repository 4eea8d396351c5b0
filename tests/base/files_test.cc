#include "strongroom/base/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/file_checks.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom {
namespace {

using ::testing::AllOf;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::TempDir;

unsigned ModeOf(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777u : 0;
}

TEST(ReadFileTest, TheWholeFileIsRead) {
  TempDir dir;
  for (size_t size : {0, 1, 65535, 65536, 65537, 300000}) {
    std::string contents(size, 'x');
    EXPECT_THAT(ReadFile(dir.Write("f", contents)), IsOkAndHolds(contents))
        << size;
  }
}

TEST(ReadFileTest, BytesAreKeptAsTheyAre) {
  TempDir dir;
  std::string contents("a\0\r\n\xFF", 5);
  EXPECT_THAT(ReadFile(dir.Write("f", contents)), IsOkAndHolds(contents));
}

TEST(ReadFileTest, AFileWithoutASizeIsReadToItsEnd) {
  ASSERT_OK_AND_ASSIGN(std::string text, ReadFile("/proc/self/status"));
  EXPECT_THAT(text, HasSubstr("Pid:"));
  EXPECT_THAT(ReadFile("/proc/self/status", 20),
              HasReason(Reason::kFileUnreadable, HasSubstr("larger than")));
}

TEST(ReadFileTest, ALinkIsFollowed) {
  TempDir dir;
  std::string target = dir.Write("target", "through");
  ASSERT_EQ(symlink(target.c_str(), dir.File("link").c_str()), 0);
  EXPECT_THAT(ReadFile(dir.File("link")), IsOkAndHolds("through"));
}

TEST(ReadFileTest, AnAbsentFileIsRefusedByName) {
  TempDir dir;
  EXPECT_THAT(
      ReadFile(dir.File("absent")),
      HasReason(Reason::kFileUnreadable, AllOf(HasSubstr(dir.File("absent")),
                                               HasSubstr("No such file"))));
}

TEST(ReadFileTest, ADirectoryIsRefused) {
  TempDir dir;
  EXPECT_THAT(ReadFile(dir.path()), HasReason(Reason::kFileUnreadable,
                                              HasSubstr("not a regular file")));
}

TEST(ReadFileTest, APipeIsRefusedWithoutWaiting) {
  TempDir dir;
  ASSERT_EQ(mkfifo(dir.File("pipe").c_str(), 0600), 0);
  EXPECT_THAT(
      ReadFile(dir.File("pipe")),
      HasReason(Reason::kFileUnreadable, HasSubstr("not a regular file")));
}

TEST(ReadFileTest, ADeviceIsRefused) {
  EXPECT_THAT(ReadFile("/dev/zero"), HasReason(Reason::kFileUnreadable));
}

TEST(ReadFileTest, OneByteTooManyIsRefused) {
  TempDir dir;
  EXPECT_THAT(ReadFile(dir.Write("f", "12345"), 5), IsOkAndHolds("12345"));
  EXPECT_THAT(ReadFile(dir.Write("f", "123456"), 5),
              HasReason(Reason::kFileUnreadable, HasSubstr("5 bytes")));
  EXPECT_THAT(ReadFile(dir.Write("f", "1"), 0),
              HasReason(Reason::kFileUnreadable));
}

TEST(ReadPrivateFileTest, APrivateFileIsRead) {
  TempDir dir;
  for (unsigned mode : {0600u, 0400u, 0700u}) {
    ASSERT_OK_AND_ASSIGN(SecretBytes pin,
                         ReadPrivateFile(dir.Write("pin", "1234", mode)));
    EXPECT_EQ(AsText(pin.Expose()), "1234");
  }
  ASSERT_OK_AND_ASSIGN(SecretBytes none, ReadPrivateFile(dir.Write("pin", "")));
  EXPECT_TRUE(none.empty());
}

TEST(ReadPrivateFileTest, AFileOthersCanReadOrWriteIsRefused) {
  TempDir dir;
  for (unsigned mode : {0640u, 0620u, 0604u, 0602u, 0644u, 0666u, 0440u}) {
    std::string path = dir.Write("pin", "1234", mode);
    EXPECT_THAT(
        ReadPrivateFile(path),
        HasReason(Reason::kFileNotPrivate, AllOf(HasSubstr("chmod 600 " + path),
                                                 Not(HasSubstr("1234")))))
        << std::oct << mode;
  }
}

TEST(ReadPrivateFileTest, TheMessageNamesTheMode) {
  TempDir dir;
  EXPECT_THAT(ReadPrivateFile(dir.Write("pin", "1234", 0640)),
              HasReason(Reason::kFileNotPrivate, HasSubstr("mode 0640")));
}

TEST(ReadPrivateFileTest, OnlyTheUserOrRootMayOwnIt) {
  EXPECT_OK(CheckPrivate("/f", 0600, 1000, 1000));
  EXPECT_OK(CheckPrivate("/f", 0600, 0, 1000));
  EXPECT_THAT(CheckPrivate("/f", 0600, 1001, 1000),
              HasReason(Reason::kFileNotPrivate,
                        "/f: owned by user 1001; want user 1000 or root: chown "
                        "1000 /f"));
  // Not even root reads a secret that another user could change.
  EXPECT_THAT(CheckPrivate("/f", 0600, 1001, 0),
              HasReason(Reason::kFileNotPrivate));
}

TEST(ReadPrivateFileTest, ALinkIsJudgedByItsTarget) {
  TempDir dir;
  std::string target = dir.Write("target", "1234", 0600);
  ASSERT_EQ(symlink(target.c_str(), dir.File("link").c_str()), 0);
  EXPECT_OK(ReadPrivateFile(dir.File("link")));
  ASSERT_EQ(chmod(target.c_str(), 0644), 0);
  EXPECT_THAT(ReadPrivateFile(dir.File("link")),
              HasReason(Reason::kFileNotPrivate));
}

TEST(ReadPrivateFileTest, AbsentTooLargeAndOtherKindsAreUnreadable) {
  TempDir dir;
  EXPECT_THAT(ReadPrivateFile(dir.File("absent")),
              HasReason(Reason::kFileUnreadable));
  EXPECT_THAT(ReadPrivateFile(dir.path()), HasReason(Reason::kFileUnreadable));
  EXPECT_THAT(ReadPrivateFile(dir.Write("pin", "12345"), 4),
              HasReason(Reason::kFileUnreadable, HasSubstr("4 bytes")));
  EXPECT_OK(ReadPrivateFile(dir.Write("pin", "1234"), 4));
}

TEST(WriteFileAtomicallyTest, TheFileHasTheContentsAndTheMode) {
  TempDir dir;
  std::string path = dir.File("f");
  for (unsigned mode : {0600u, 0644u, 0666u, 0400u}) {
    EXPECT_OK(WriteFileAtomically(path, AsBytes("contents"), mode));
    EXPECT_EQ(ModeOf(path), mode);
    EXPECT_THAT(ReadFile(path), IsOkAndHolds("contents"));
  }
}

TEST(WriteFileAtomicallyTest, TheOldFileIsReplacedAndNothingElseIsLeft) {
  TempDir dir;
  std::string path = dir.Write("f", "a longer old value", 0644);
  EXPECT_OK(WriteFileAtomically(path, AsBytes("new"), 0600));
  EXPECT_THAT(ReadFile(path), IsOkAndHolds("new"));
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(WriteFileAtomicallyTest, WhatACrashLeftIsNotReused) {
  TempDir dir;
  std::string path = dir.File("f");
  std::string victim = dir.Write("victim", "untouched");
  ASSERT_EQ(symlink(victim.c_str(), (path + ".tmp").c_str()), 0);
  EXPECT_OK(WriteFileAtomically(path, AsBytes("new"), 0600));
  EXPECT_THAT(ReadFile(path), IsOkAndHolds("new"));
  EXPECT_THAT(ReadFile(victim), IsOkAndHolds("untouched"));
}

TEST(WriteFileAtomicallyTest, AnAbsentDirectoryIsRefused) {
  TempDir dir;
  EXPECT_THAT(
      WriteFileAtomically(dir.File("no/such/f"), AsBytes("x"), 0600),
      HasReason(Reason::kFileUnreadable,
                AllOf(HasSubstr("cannot be written"), HasSubstr("no/such"))));
}

TEST(WriteFileAtomicallyTest, AFailedRenameLeavesTheOldAndNoTemporary) {
  TempDir dir;
  std::string path = dir.File("d");
  std::filesystem::create_directory(path);
  EXPECT_THAT(WriteFileAtomically(path, AsBytes("x"), 0600),
              HasReason(Reason::kFileUnreadable, HasSubstr("rename")));
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(WriteFileAtomicallyTest, ANameWithoutADirectoryIsInTheWorkingOne) {
  TempDir dir;
  std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  EXPECT_OK(WriteFileAtomically("plain", AsBytes("x"), 0600));
  std::filesystem::current_path(before);
  EXPECT_THAT(ReadFile(dir.File("plain")), IsOkAndHolds("x"));
}

TEST(TempDirTest, ItIsPrivateAndGoneAfterwards) {
  std::string path;
  {
    TempDir dir;
    path = dir.path();
    EXPECT_EQ(ModeOf(path), 0700u);
    std::filesystem::create_directories(dir.File("a/b"));
    dir.Write("a/b/c", "x");
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace strongroom
