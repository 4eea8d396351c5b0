#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strongroom/envelope/token.h"
#include "tests/cli/cli_fixture.h"
#include "tests/testing/paths.h"

namespace strongroom::cli {
namespace {

using ::testing::AllOf;
using testing::CliResult;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Slurp;

class InspectTest : public testing::CliTest {
 protected:
  InspectTest() {
    // Whatever inspect says, it says without a service.
    connect_failure_ = Error(Reason::kInternal, "inspect connected");
  }
  static nlohmann::json Vectors(const std::string& name) {
    return nlohmann::json::parse(
               Slurp(testing::SourcePath("tests/vectors/" + name)))
        .at("vectors");
  }
  static std::string FromHexText(const nlohmann::json& hex) {
    return std::string(AsText(*FromHex(hex.get<std::string>())));
  }
};

TEST_F(InspectTest, EveryVectorIsReadAsItWasMade) {
  for (const nlohmann::json& vector : Vectors("token.json")) {
    if (vector.contains("refused")) continue;
    std::string file = dir_.Write("t", FromHexText(vector.at("token")));
    CliResult result = Run({"inspect", file, "--output", "json"});
    ASSERT_EQ(result.exit_code, 0) << vector.at("name") << result.err;
    nlohmann::json item = result.Json().at("items").at(0);
    bool dek = vector.at("purpose") == 1;
    EXPECT_EQ(item.at("kind"), dek ? "wrapped_dek" : "ciphertext");
    EXPECT_EQ(item.at("key_version"), vector.at("key_version"));
    EXPECT_EQ(item.at("iv"), vector.at("iv"));
    EXPECT_EQ(item.at("leaf").at("purpose"), vector.at("purpose"));
    EXPECT_EQ(item.at("leaf").at("salt"), vector.at("salt"));
    EXPECT_EQ(item.at("leaf").at("index"), vector.at("index"));
    EXPECT_EQ(item.at("leaf").at("secret_size"),
              vector.at("secret").get<std::string>().size() / 2);
    std::string key_id = item.at("key_id");
    key_id.erase(std::remove(key_id.begin(), key_id.end(), '-'), key_id.end());
    EXPECT_EQ(key_id, vector.at("key_id"));
  }
}

TEST_F(InspectTest, EveryVectorOfABrokenStructureIsRefusedForItsReason) {
  size_t refused = 0;
  for (const char* kind : {"token", "header"}) {
    for (const auto& vector : Vectors(std::string(kind) + ".json")) {
      std::string bytes = FromHexText(vector.at(kind));
      // What is structurally right needs a key to be found wrong; a header
      // alone is a fault only where a token is wanted.
      if (!vector.contains("refused") ||
          vector.at("refused") == "NOT_AUTHENTIC" ||
          envelope::ParseHeader(AsBytes(bytes)).ok()) {
        continue;
      }
      CliResult result = Run({"inspect", "-"}, bytes);
      EXPECT_EQ(result.exit_code, 3) << vector.at("name");
      EXPECT_THAT(result.err,
                  HasSubstr(vector.at("refused").get<std::string>()))
          << vector.at("name");
      ++refused;
    }
  }
  EXPECT_GT(refused, 20u);
}

TEST_F(InspectTest, TheTextSaysWhatAPersonWantsToKnow) {
  nlohmann::json vector = Vectors("rewrap.json").at(0);
  std::string file = dir_.Write("t", FromHexText(vector.at("token_before")));
  EXPECT_THAT(
      Run({"inspect", file}).out,
      AllOf(HasSubstr(file + ": wrapped DEK\n"), HasSubstr("1 (AES-256-GCM)"),
            HasSubstr("1fe319f6-0383-dfd0-01dc-1d080c772252"),
            HasSubstr("60 bytes, IV dec921996907ef7ddecc0fbb"),
            HasSubstr(vector.at("leaf").get<std::string>())));
}

TEST_F(InspectTest, ARewrapIsShownAsAnotherHeaderOfTheSameLeaf) {
  for (const nlohmann::json& vector : Vectors("rewrap.json")) {
    std::string before =
        dir_.Write("b", FromHexText(vector.at("token_before")));
    std::string after = dir_.Write("a", FromHexText(vector.at("token_after")));
    std::string header =
        dir_.Write("h", FromHexText(vector.at("header_after")));
    EXPECT_THAT(
        Run({"inspect", before, after}).out,
        HasSubstr("header: differs (version " +
                  vector.at("old_version").dump() + " -> " +
                  vector.at("new_version").dump() + ")   leaf: identical"));
    EXPECT_THAT(Run({"inspect", after, header}).out,
                AllOf(HasSubstr(header + ": header\n"),
                      HasSubstr("header: identical   leaf: absent in one")));
    nlohmann::json json =
        Run({"inspect", before, after, after, "--output", "json"}).Json();
    EXPECT_EQ(json.at("comparisons").size(), 2u);
    EXPECT_EQ(json.at("comparisons").at(0).at("header"), "differs");
    EXPECT_EQ(json.at("comparisons").at(0).at("leaf"), "identical");
    EXPECT_EQ(json.at("comparisons").at(1).at("header"), "identical");
  }
}

TEST_F(InspectTest, ALongLeafIsCut) {
  envelope::Token token;
  token.header.key_version = 1;
  token.header.sealed.assign(envelope::kSealedSizeIv16, 1);
  token.leaf.purpose = envelope::Purpose::kData;
  token.leaf.sealed.assign(500, 0xab);
  Bytes bytes = envelope::SerializeHeader(token.header);
  envelope::AppendLeaf(token.leaf, &bytes);
  std::string file = dir_.Write("t", AsText(bytes));
  std::string out = Run({"inspect", file}).out;
  EXPECT_THAT(out, HasSubstr("ciphertext"));
  EXPECT_THAT(out, HasSubstr(ToHex(Bytes(83, 0xab)) + "…\n"));
}

TEST_F(InspectTest, Base64IsReadWhenAsked) {
  std::string bytes = FromHexText(Vectors("token.json").at(0).at("token"));
  std::string file = dir_.Write("t", ToBase64(AsBytes(bytes)) + "\n");
  EXPECT_EQ(Run({"inspect", "--base64", file}).exit_code, 0);
  CliResult result = Run({"inspect", file});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("add --base64"));
}

TEST_F(InspectTest, EveryTruncationIsRefusedExceptTheHeaderAlone) {
  const nlohmann::json vector = Vectors("token.json").at(0);
  std::string bytes = FromHexText(vector.at("token"));
  size_t header_size = vector.at("header_size");
  for (size_t size = 0; size < bytes.size(); ++size) {
    CliResult result = Run({"inspect", "-"}, bytes.substr(0, size));
    // A leaf may also be that of a shorter DEK: 16 bytes are the least.
    size_t secret = size - header_size - envelope::kLeafOverhead;
    bool shorter = size > header_size + envelope::kLeafOverhead && secret >= 16;
    if (size == header_size || shorter) {
      EXPECT_EQ(result.exit_code, 0) << size;
      continue;
    }
    EXPECT_EQ(result.exit_code, 3) << size;
    EXPECT_THAT(result.err, HasSubstr("MALFORMED: standard input")) << size;
    EXPECT_THAT(result.out, IsEmpty());
  }
}

TEST_F(InspectTest, AnUnknownFormatIsSaidSo) {
  std::string bytes = FromHexText(Vectors("token.json").at(0).at("token"));
  bytes[2] = 9;
  CliResult result = Run({"inspect", "-"}, bytes);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("FORMAT_UNKNOWN"));
}

TEST_F(InspectTest, OneBadFileOfSeveralIsNamedAndNothingIsPrinted) {
  std::string good =
      dir_.Write("g", FromHexText(Vectors("token.json").at(0).at("token")));
  std::string bad = dir_.Write("b", "SR junk");
  CliResult result = Run({"inspect", good, bad});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr(bad));
  EXPECT_THAT(result.out, IsEmpty());
}

}  // namespace
}  // namespace strongroom::cli
