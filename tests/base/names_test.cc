#include "strongroom/base/names.h"

#include <set>
#include <unordered_set>

#include "tests/testing/status_matchers.h"

namespace strongroom {
namespace {

using ::testing::AllOf;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kText[] = "00112233-4455-6677-8899-aabbccddeeff";

TEST(UuidTest, TextAndBytesSurvive) {
  ASSERT_OK_AND_ASSIGN(Uuid id, Uuid::Parse(kText));
  EXPECT_EQ(id.ToString(), kText);
  EXPECT_EQ(ToHex(id.bytes()), "00112233445566778899aabbccddeeff");
  ASSERT_OK_AND_ASSIGN(Uuid again, Uuid::FromBytes(id.bytes()));
  EXPECT_EQ(again, id);
}

TEST(UuidTest, UpperCaseIsTakenAndWrittenLower) {
  ASSERT_OK_AND_ASSIGN(Uuid id,
                       Uuid::Parse("00112233-4455-6677-8899-AABBCCDDEEFF"));
  EXPECT_EQ(id.ToString(), kText);
}

TEST(UuidTest, RandomOnesAreVersion4AndDiffer) {
  std::set<Uuid> seen;
  std::unordered_set<Uuid> hashed;
  for (int i = 0; i < 1000; ++i) {
    Uuid id = Uuid::Random();
    EXPECT_EQ(id.bytes()[6] >> 4, 4);
    EXPECT_EQ(id.bytes()[8] >> 6, 2);
    EXPECT_FALSE(id.IsNil());
    EXPECT_TRUE(seen.insert(id).second);
    hashed.insert(id);
  }
  EXPECT_EQ(hashed.size(), seen.size());
}

TEST(UuidTest, TheDefaultIsNil) {
  EXPECT_TRUE(Uuid().IsNil());
  EXPECT_EQ(Uuid().ToString(), "00000000-0000-0000-0000-000000000000");
}

TEST(UuidTest, OtherTextIsRefused) {
  for (std::string text : {"", "00112233445566778899aabbccddeeff",
                           "00112233-4455-6677-8899-aabbccddeef",
                           "00112233-4455-6677-8899-aabbccddeefff",
                           "{00112233-4455-6677-8899-aabbccddeeff}",
                           "0011223-34455-6677-8899-aabbccddeeff",
                           "00112233-4455-6677-8899-aabbccddeefg",
                           "00112233_4455-6677-8899-aabbccddeeff",
                           "00112233-4455-6677-889--aabbccddeeff",
                           " 0112233-4455-6677-8899-aabbccddeeff"}) {
    EXPECT_THAT(Uuid::Parse(text),
                HasReason(Reason::kArgumentInvalid, HasSubstr("8-4-4-4-12")))
        << text;
  }
}

TEST(UuidTest, OtherLengthsAreRefused) {
  Bytes bytes(40);
  for (size_t size = 0; size < bytes.size(); ++size) {
    auto id = Uuid::FromBytes(ByteView(bytes).first(size));
    if (size == Uuid::kSize) {
      EXPECT_OK(id);
    } else {
      EXPECT_THAT(id, HasReason(Reason::kArgumentInvalid, HasSubstr("16")));
    }
  }
}

TEST(UuidTest, HashesOfNeighboursDiffer) {
  std::set<size_t> hashes;
  for (uint8_t i = 0; i < 100; ++i) {
    for (size_t at : {0, 7, 8, 15}) {
      std::array<uint8_t, Uuid::kSize> bytes{};
      bytes[at] = static_cast<uint8_t>(i + 1);
      hashes.insert(std::hash<Uuid>()(Uuid(bytes)));
    }
  }
  EXPECT_EQ(hashes.size(), 400u);
}

TEST(KeyNameTest, WellFormedNamesAreTaken) {
  for (std::string text : {"a", "0", "payments/cards", "a.b_c-d", "9/9/9",
                           "a--b", "a..b", "a-", "a/b/c/d/e/f/g"}) {
    ASSERT_OK_AND_ASSIGN(KeyName name, KeyName::Parse(text));
    EXPECT_EQ(name.ToString(), text);
  }
}

TEST(KeyNameTest, ExactlyTheCharactersOfTheRuleAreAllowed) {
  for (int c = 0; c < 256; ++c) {
    std::string text = {'a', static_cast<char>(c), 'a'};
    bool allowed = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                   c == '.' || c == '_' || c == '-' || c == '/';
    EXPECT_EQ(KeyName::Parse(text).ok(), allowed) << c;
    bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    EXPECT_EQ(KeyName::Parse(text.substr(1)).ok(), first) << c;
  }
}

TEST(KeyNameTest, AMessageSaysWhichRuleAndWhere) {
  const std::pair<std::string, std::string> kCases[] = {
      {"", "it is empty"},
      {"/a", "empty segment at byte 1"},
      {"a//b", "empty segment at byte 3"},
      {"a/", "it ends with '/'"},
      {"a/.b", "segment begins with '.' at byte 3"},
      {"-a", "segment begins with '-' at byte 1"},
      {"a/_b", "segment begins with '_' at byte 3"},
      {"aB", "character not allowed at byte 2"},
      {"a b", "character not allowed at byte 2"},
      {"..", "segment begins with '.' at byte 1"},
      {std::string(129, 'a'), "it has 129 bytes"}};
  for (const auto& [text, fault] : kCases) {
    EXPECT_THAT(KeyName::Parse(text),
                HasReason(Reason::kNameInvalid,
                          AllOf(HasSubstr(fault), HasSubstr("want segments"))));
  }
}

TEST(KeyNameTest, AMessageHasNoControlCharacters) {
  EXPECT_THAT(KeyName::Parse("a\n\x1B[31m"),
              HasReason(Reason::kNameInvalid,
                        AllOf(Not(HasSubstr("\n")), Not(HasSubstr("\x1B")))));
}

TEST(KeyNameTest, TheLongestNameHas128Bytes) {
  EXPECT_OK(KeyName::Parse(std::string(128, 'a')));
  EXPECT_THAT(KeyName::Parse(std::string(129, 'a')),
              HasReason(Reason::kNameInvalid));
}

TEST(LabelsTest, WellFormedLabelsAreTaken) {
  EXPECT_OK(ValidateLabels({}));
  EXPECT_OK(ValidateLabels({{"env", "prod"}, {"a_b-1", ""}, {"x", "-_9"}}));
  EXPECT_OK(ValidateLabels({{std::string(63, 'k'), std::string(63, 'v')}}));
}

TEST(LabelsTest, OtherKeysAreRefused) {
  for (std::string key :
       {"", "1a", "_a", "-a", "A", "aB", "a.b", "a b", "\xC3\xA9"}) {
    EXPECT_THAT(ValidateLabels({{key, "v"}}),
                HasReason(Reason::kArgumentInvalid, HasSubstr("label key")))
        << key;
  }
  EXPECT_THAT(ValidateLabels({{std::string(64, 'k'), "v"}}),
              HasReason(Reason::kArgumentInvalid));
}

TEST(LabelsTest, OtherValuesAreRefused) {
  for (std::string value : {"A", "a.b", "a b", "a/b", "\n"}) {
    EXPECT_THAT(
        ValidateLabels({{"env", value}}),
        HasReason(Reason::kArgumentInvalid, HasSubstr("value of label env")))
        << value;
  }
  EXPECT_THAT(ValidateLabels({{"env", std::string(64, 'v')}}),
              HasReason(Reason::kArgumentInvalid));
}

TEST(LabelsTest, AtMost64AreTaken) {
  Labels labels;
  for (int i = 0; i < 64; ++i) labels["k" + std::to_string(i)] = "v";
  EXPECT_OK(ValidateLabels(labels));
  labels["one-more"] = "v";
  EXPECT_THAT(ValidateLabels(labels),
              HasReason(Reason::kArgumentInvalid, HasSubstr("at most 64")));
}

}  // namespace
}  // namespace strongroom
