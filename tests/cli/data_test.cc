// encrypt, decrypt, wrap, unwrap, rewrap, datakey.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/cli/cli_fixture.h"

namespace strongroom::cli {
namespace {

using ::testing::AllOf;
using testing::CliResult;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Slurp;

constexpr char kDek[] = "0123456789abcdef";
constexpr char kDekBase64[] = "MDEyMzQ1Njc4OWFiY2RlZg==";
constexpr char kTokenBase64[] = "VDE6MDEyMzQ1Njc4OWFiY2RlZg==";

class DataTest : public testing::CliTest {
 protected:
  unsigned ModeOf(const std::string& path) {
    struct stat info {};
    stat(path.c_str(), &info);
    return info.st_mode & 0777;
  }
  // ExpectRefused is for what is refused before the service is asked.
  void ExpectRefused(const CliResult& result, int exit_code,
                     const std::string& text) {
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(fake_.calls, IsEmpty());
  }
};

TEST_F(DataTest, BytesGoFromStandardInputToStandardOutput) {
  CliResult result = Run({"encrypt", "pay/cards"}, std::string("a\0b\n", 4));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, std::string("T1:a\0b\n", 7));
  EXPECT_EQ(Run({"decrypt"}, result.out).out, std::string("a\0b\n", 4));
  EXPECT_EQ(Run({"wrap", "pay/cards"}, kDek).out, std::string("T1:") + kDek);
  EXPECT_EQ(Run({"unwrap"}, std::string("T1:") + kDek).out, kDek);
}

TEST_F(DataTest, NothingIsEncryptedToo) {
  EXPECT_EQ(Run({"encrypt", "a"}, "").out, "T1:");
}

TEST_F(DataTest, WithBase64BothSidesAreText) {
  EXPECT_EQ(Run({"wrap", "a", "--base64"}, kDekBase64).out,
            std::string(kTokenBase64) + "\n");
  EXPECT_EQ(Run({"unwrap", "--base64"}, std::string(kTokenBase64) + "\n").out,
            std::string(kDekBase64) + "\n");
}

TEST_F(DataTest, InputThatIsNotBase64IsRefused) {
  ExpectRefused(Run({"encrypt", "a", "--base64"}, "hello"), 3, "not base64");
}

TEST_F(DataTest, TokensInBase64AreRecognisedWithoutTheOption) {
  ExpectRefused(Run({"unwrap"}, "U1IBARjunk"), 3, "add --base64");
}

TEST_F(DataTest, TheContextArrivesInTheOrderGiven) {
  Run({"wrap", "k", "--context", "b=2", "--context", "a=1=x", "--context",
       "c="},
      kDek);
  EXPECT_THAT(fake_.calls, ElementsAre("Wrap k b=2 a=1=x c="));
}

TEST_F(DataTest, AContextInBracketsIsNotTakenApart) {
  Run({"encrypt", "k", "--context", "[a=1,b]=2"}, "x");
  EXPECT_THAT(fake_.calls, ElementsAre("Encrypt k [a=1,b]=2"));
}

TEST_F(DataTest, ContextsThatCannotBeAreRefused) {
  ExpectRefused(Run({"encrypt", "k", "--context", "a"}, "x"), 2, "KEY=VALUE");
  ExpectRefused(Run({"encrypt", "k", "--context", "=a"}, "x"), 3,
                "CONTEXT_INVALID");
  ExpectRefused(
      Run({"encrypt", "k", "--context", "a=1", "--context", "a=1"}, "x"), 3,
      "CONTEXT_INVALID");
  ExpectRefused(Run({"encrypt", "k", "--context", "a=\xff"}, "x"), 3,
                "CONTEXT_INVALID");
  ExpectRefused(
      Run({"encrypt", "k", "--context", "a=" + std::string(9000, 'x')}, "x"), 3,
      "CONTEXT_INVALID");
  std::vector<std::string> many = {"encrypt", "k"};
  for (int i = 0; i < 33; ++i) {
    many.insert(many.end(), {"--context", std::to_string(i) + "=x"});
  }
  ExpectRefused(Run(many, "x"), 3, "CONTEXT_INVALID");
}

TEST_F(DataTest, PlaintextOverTheLimitIsToldOfDataKeys) {
  EXPECT_EQ(Run({"encrypt", "k"}, std::string(65536, 'x')).exit_code, 0);
  fake_.calls.clear();
  CliResult result = Run({"encrypt", "k"}, std::string(65537, 'x'));
  ExpectRefused(result, 3, "PLAINTEXT_TOO_LARGE");
  EXPECT_THAT(result.err, HasSubstr("strongroom datakey"));
}

TEST_F(DataTest, EndlessInputIsNotReadToItsEnd) {
  int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  int out = OpenNew("stdout"), err = OpenNew("stderr");
  EXPECT_EQ(RunWith({"encrypt", "k"}, zero, out, err), 3);
  EXPECT_EQ(RunWith({"encrypt", "k", "--base64"}, zero, out, err), 3);
  EXPECT_EQ(RunWith({"wrap", "k"}, zero, out, err), 3);
  EXPECT_EQ(RunWith({"unwrap"}, zero, out, err), 3);
  EXPECT_EQ(RunWith({"inspect", "-"}, zero, out, err), 3);
  for (int fd : {zero, out, err}) close(fd);
  EXPECT_THAT(fake_.calls, IsEmpty());
}

TEST_F(DataTest, DeksOfWrongSizesAreRefused) {
  for (size_t size : {0, 1, 15, 65, 100}) {
    ExpectRefused(Run({"wrap", "k"}, std::string(size, 'x')), 3,
                  "DEK_SIZE_INVALID");
  }
  for (const char* size : {"0", "15", "65"}) {
    ExpectRefused(Run({"datakey", "k", "--without-plaintext", "--bytes", size}),
                  3, "DEK_SIZE_INVALID");
  }
}

TEST_F(DataTest, AnEmptyTokenIsRefused) {
  ExpectRefused(Run({"decrypt"}, ""), 3, "MALFORMED: standard input: empty");
}

TEST_F(DataTest, InputFilesThatCannotBeReadAreNamed) {
  ExpectRefused(Run({"encrypt", "k", "--in", dir_.File("absent")}), 1,
                dir_.File("absent"));
  ExpectRefused(Run({"encrypt", "k", "--in", dir_.path()}), 1, "directory");
}

TEST_F(DataTest, FilesAreWrittenWithTheModeOfTheirContents) {
  mode_t mask = umask(022);
  std::string dek = dir_.Write("dek", kDek);
  std::string wrapped = dir_.File("wrapped"), back = dir_.File("back");
  CliResult result = Run({"wrap", "k", "--in", dek, "--out", wrapped});
  EXPECT_EQ(result.out, wrapped + ": wrapped DEK under k version 1\n");
  EXPECT_EQ(Slurp(wrapped), std::string("T1:") + kDek);
  EXPECT_EQ(ModeOf(wrapped), 0644u);
  EXPECT_EQ(Run({"unwrap", "--in", wrapped, "--out", back}).exit_code, 0);
  EXPECT_EQ(Slurp(back), kDek);
  EXPECT_EQ(ModeOf(back), 0600u);
  umask(mask);
}

TEST_F(DataTest, AFileThatExistsIsReplacedOnlyByForce) {
  std::string out = dir_.Write("out", "precious");
  ExpectRefused(Run({"encrypt", "k", "--out", out}, "x"), 1,
                "FILE_UNREADABLE: " + out + ": exists");
  EXPECT_EQ(Slurp(out), "precious");
  EXPECT_EQ(Run({"encrypt", "k", "--out", out, "--force"}, "x").exit_code, 0);
  EXPECT_EQ(Slurp(out), "T1:x");
}

TEST_F(DataTest, AFailureLeavesTheFileAsItWas) {
  std::string out = dir_.Write("out", "precious");
  fake_.failure = Error(Reason::kNotAuthentic, "no");
  EXPECT_EQ(Run({"decrypt", "--out", out, "--force"}, "T1:x").exit_code, 3);
  EXPECT_EQ(Slurp(out), "precious");
  EXPECT_EQ(Run({"decrypt", "--out", dir_.File("new")}, "T1:x").exit_code, 3);
  EXPECT_FALSE(Exists(dir_.File("new")));
}

TEST_F(DataTest, OutputThatCannotBeMadeIsFoundBeforeTheServiceIsAsked) {
  ExpectRefused(Run({"encrypt", "k", "--out", dir_.File("no/such/dir")}, "x"),
                1, "cannot be written");
  ExpectRefused(Run({"encrypt", "k", "--out", dir_.path(), "--force"}, "x"), 1,
                "directory");
}

TEST_F(DataTest, ADeviceIsWrittenAndNotReplaced) {
  EXPECT_EQ(Run({"encrypt", "k", "--out", "/dev/null"}, "x").exit_code, 0);
  struct stat info {};
  ASSERT_EQ(stat("/dev/null", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
}

TEST_F(DataTest, ForceThroughALinkReplacesTheFileAndKeepsTheLink) {
  std::string file = dir_.Write("file", "old");
  std::string link = dir_.File("link");
  ASSERT_EQ(symlink(file.c_str(), link.c_str()), 0);
  EXPECT_EQ(Run({"encrypt", "k", "--out", link, "--force"}, "x").exit_code, 0);
  EXPECT_EQ(Slurp(file), "T1:x");
  struct stat info {};
  ASSERT_EQ(lstat(link.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
}

TEST_F(DataTest, NoTemporaryFileStays) {
  Run({"encrypt", "k", "--out", dir_.File("out")}, "x");
  EXPECT_THAT(Run({"version"}).out, HasSubstr("strongroom"));
  std::string command = "ls -A " + dir_.path() + " | grep -c '^\\.'";
  EXPECT_NE(std::system((command + " >/dev/null").c_str()), 0);
}

TEST_F(DataTest, BytesAreNotPutOnATerminal) {
  terminal_ = true;
  ExpectRefused(Run({"encrypt", "k"}, "x"), 2, "--base64");
  ExpectRefused(Run({"unwrap"}, "T1:x"), 2, "--out");
  ExpectRefused(Run({"datakey", "k", "--without-plaintext"}), 2,
                "--wrapped-out");
  EXPECT_EQ(Run({"encrypt", "k", "--base64"}, "eA==").exit_code, 0);
}

TEST_F(DataTest, ReadablePlaintextMayGoToATerminal) {
  terminal_ = true;
  EXPECT_EQ(Run({"decrypt"}, "T1:Grüße\n").out, "Grüße\n");
  CliResult result = Run({"decrypt"}, "T1:\x1b[2J");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(DataTest, TheExpectedKeyIsSent) {
  Run({"decrypt", "--key", "k1"}, "T1:x");
  Run({"unwrap", "--key", "k2"}, "T1:x");
  Run({"rewrap", "--key", "k3"}, "T1:x");
  EXPECT_THAT(fake_.calls, ElementsAre("Decrypt k1", "Unwrap k2", "Rewrap k3"));
}

TEST_F(DataTest, RewrapReplacesItsInputInPlace) {
  fake_.version = 2;
  std::string file = dir_.Write("f", "T1:x", 0640);
  CliResult result = Run({"rewrap", "--in", file, "--out", file});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Slurp(file), "T2:x");
  EXPECT_EQ(ModeOf(file), 0640u);
  EXPECT_THAT(result.out, HasSubstr("a/key version 2 (it was under version 1"));
}

TEST_F(DataTest, OnlyRewrapMayReplaceItsInput) {
  std::string file = dir_.Write("f", "T1:x");
  std::string other = dir_.Write("g", "T1:y");
  ExpectRefused(Run({"decrypt", "--in", file, "--out", file}), 1, "exists");
  ExpectRefused(Run({"rewrap", "--in", file, "--out", other}), 1, "exists");
  EXPECT_EQ(Slurp(other), "T1:y");
}

TEST_F(DataTest, RewrapOfWhatIsAtThePrimarySaysSo) {
  std::string file = dir_.Write("f", "T1:x");
  EXPECT_THAT(Run({"rewrap", "--in", file, "--out", file}).out,
              HasSubstr("nothing changed"));
}

TEST_F(DataTest, JsonCarriesTheBytesOrNamesTheFile) {
  nlohmann::json json = Run({"wrap", "k", "--output", "json"}, kDek).Json();
  EXPECT_EQ(json, (nlohmann::json{{"key", "k"},
                                  {"key_version", 1},
                                  {"wrapped_dek", kTokenBase64}}));
  json = Run({"unwrap", "--output", "json"}, std::string("T1:") + kDek).Json();
  EXPECT_EQ(json,
            (nlohmann::json{
                {"key", "a/key"}, {"key_version", 1}, {"dek", kDekBase64}}));
  std::string out = dir_.File("out");
  json = Run({"encrypt", "k", "--output", "json", "--out", out}, "x").Json();
  EXPECT_EQ(json,
            (nlohmann::json{{"key", "k"}, {"key_version", 1}, {"out", out}}));
  json = Run({"rewrap", "--output", "json"}, "T1:x").Json();
  EXPECT_EQ(json, (nlohmann::json{{"key", "a/key"},
                                  {"key_version", 1},
                                  {"previous_key_version", 1},
                                  {"token", "VDE6eA=="}}));
}

TEST_F(DataTest, ADataKeyGoesToTwoFiles) {
  std::string dek = dir_.File("dek"), wrapped = dir_.File("wrapped");
  CliResult result = Run({"datakey", "k", "--context", "a=1", "--dek-out", dek,
                          "--wrapped-out", wrapped});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(fake_.calls, ElementsAre("GenerateDataKey 32 k a=1"));
  EXPECT_EQ(Slurp(dek), fake_.dek);
  EXPECT_EQ(ModeOf(dek), 0600u);
  EXPECT_EQ(Slurp(wrapped), "T1:" + fake_.dek);
  EXPECT_THAT(result.out, AllOf(HasSubstr(dek), HasSubstr(wrapped)));
}

TEST_F(DataTest, ADataKeyInBase64IsALineOfText) {
  fake_.dek = kDek;
  std::string dek = dir_.File("dek"), wrapped = dir_.File("wrapped");
  Run({"datakey", "k", "--base64", "--bytes", "16", "--dek-out", dek,
       "--wrapped-out", wrapped});
  EXPECT_EQ(Slurp(dek), std::string(kDekBase64) + "\n");
  EXPECT_EQ(Slurp(wrapped), std::string(kTokenBase64) + "\n");
}

TEST_F(DataTest, ADataKeyInJson) {
  fake_.dek = kDek;
  EXPECT_EQ(Run({"datakey", "k", "--output", "json"}).Json(),
            (nlohmann::json{{"key", "k"},
                            {"key_version", 1},
                            {"wrapped_dek", kTokenBase64},
                            {"dek", kDekBase64}}));
  EXPECT_FALSE(Run({"datakey", "k", "--output", "json", "--without-plaintext"})
                   .Json()
                   .contains("dek"));
  std::string dek = dir_.File("dek");
  nlohmann::json json =
      Run({"datakey", "k", "--output", "json", "--dek-out", dek}).Json();
  EXPECT_FALSE(json.contains("dek"));
  EXPECT_EQ(json.at("dek_out"), dek);
  EXPECT_EQ(Slurp(dek), kDek);
}

TEST_F(DataTest, ADataKeyWithContradictoryDestinationsIsRefused) {
  std::string f = dir_.File("f");
  ExpectRefused(Run({"datakey", "k"}), 2, "where does the DEK go?");
  ExpectRefused(Run({"datakey", "k", "--dek-out", "-"}), 2, "cannot both");
  ExpectRefused(Run({"datakey", "k", "--dek-out", f, "--without-plaintext"}), 2,
                "contradict");
  ExpectRefused(Run({"datakey", "k", "--dek-out", f, "--wrapped-out", f}), 2,
                "same file");
  ExpectRefused(Run({"datakey", "k", "--output", "json", "--dek-out", "-"}), 2,
                "standard output");
}

TEST_F(DataTest, ADataKeyIsNotMadeWhenAFileExists) {
  std::string dek = dir_.Write("dek", "precious");
  std::string wrapped = dir_.File("wrapped");
  ExpectRefused(
      Run({"datakey", "k", "--dek-out", dek, "--wrapped-out", wrapped}), 1,
      "exists");
  EXPECT_EQ(Slurp(dek), "precious");
  EXPECT_FALSE(Exists(wrapped));
}

}  // namespace
}  // namespace strongroom::cli
