#include "strongroom/base/bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strongroom {
namespace {

using ::testing::ElementsAre;

TEST(BytesTest, NumbersAreBigEndian) {
  Bytes out;
  AppendU16(&out, 0x0102);
  AppendU32(&out, 0xF3040506);
  EXPECT_THAT(out, ElementsAre(1, 2, 0xF3, 4, 5, 6));
  EXPECT_EQ(LoadU16(out.data()), 0x0102);
  EXPECT_EQ(LoadU32(out.data() + 2), 0xF3040506u);
}

TEST(BytesTest, NumbersSurviveAtTheirEnds) {
  uint8_t b[4];
  for (uint32_t value : {0u, 1u, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
    StoreU32(b, value);
    EXPECT_EQ(LoadU32(b), value);
    StoreU16(b, static_cast<uint16_t>(value));
    EXPECT_EQ(LoadU16(b), static_cast<uint16_t>(value));
  }
}

TEST(BytesTest, AppendKeepsWhatWasThere) {
  Bytes out = {9};
  Append(&out, AsBytes("ab"));
  Append(&out, {});
  EXPECT_THAT(out, ElementsAre(9, 'a', 'b'));
}

TEST(HexTest, EveryByteSurvives) {
  Bytes all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<uint8_t>(i));
  std::string hex = ToHex(all);
  EXPECT_EQ(hex.size(), 512u);
  EXPECT_EQ(hex.substr(0x9F * 2, 4), "9fa0");
  EXPECT_EQ(FromHex(hex), all);
}

TEST(HexTest, BothCasesAreTakenAndNothingIsEmpty) {
  EXPECT_EQ(FromHex("aBCdEf"), (Bytes{0xAB, 0xCD, 0xEF}));
  EXPECT_EQ(FromHex(""), Bytes());
  EXPECT_EQ(ToHex({}), "");
}

TEST(HexTest, AnythingElseIsRefused) {
  for (const char* text : {"a", "abc", "0g", "g0", " 00", "0x00", "00 ", "0 0",
                           "-1", "/0", ":0", "@0", "`0"}) {
    EXPECT_EQ(FromHex(text), std::nullopt) << text;
  }
}

// RFC 4648, section 10.
TEST(Base64Test, TheTestVectorsOfTheRfc) {
  const std::pair<const char*, const char*> kVectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : kVectors) {
    EXPECT_EQ(ToBase64(AsBytes(plain)), text);
    EXPECT_EQ(FromBase64(text), ToBytes(AsBytes(plain)));
  }
}

TEST(Base64Test, EveryByteSurvivesAtEveryLength) {
  Bytes all;
  for (int i = 255; i >= 0; --i) {
    all.push_back(static_cast<uint8_t>(i * 37));
    EXPECT_EQ(FromBase64(ToBase64(all)), all);
  }
}

TEST(Base64Test, WhiteSpaceIsSkipped) {
  EXPECT_EQ(FromBase64(" Zm9v\r\n\tYg = =\v\f\n"), ToBytes(AsBytes("foob")));
  EXPECT_EQ(FromBase64(" \n"), Bytes());
}

TEST(Base64Test, WrongPaddingIsRefused) {
  for (const char* text : {"Zg", "Zg=", "Zm8", "Zm9v=", "Zm9v====", "=",
                           "==", "====", "Z===", "Zg==Zg==", "Zg=a", "Z=g="}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

TEST(Base64Test, SpareBitsAreRefused) {
  EXPECT_EQ(FromBase64("Zh=="), std::nullopt);
  EXPECT_EQ(FromBase64("Zm9="), std::nullopt);
  EXPECT_EQ(FromBase64("//=="), std::nullopt);
}

TEST(Base64Test, AnotherAlphabetIsRefused) {
  for (const char* text : {"-_8=", "Zm9*", "Zm\x80v", "Zm9!"}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
  EXPECT_EQ(FromBase64(std::string_view("Zm\0v", 4)), std::nullopt);
}

TEST(Utf8Test, WellFormedTextOfEveryLengthIsTaken) {
  for (const char* text :
       {"", "plain", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
        "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF", "na\xC3\xAFve \xF0\x9F\x94\x91"}) {
    EXPECT_TRUE(IsUtf8(text)) << ToHex(AsBytes(text));
  }
  EXPECT_TRUE(IsUtf8(std::string_view("a\0b", 3)));
}

TEST(Utf8Test, IllFormedTextIsRefused) {
  for (const char* text : {"\x80",
                           "\xBF",  // continuation alone
                           "\xC2",
                           "\xE1\x80",
                           "\xF1\x80\x80",  // cut short
                           "\xC2"
                           "a",
                           "\xE1\x80"
                           "a",
                           "\xF1\x80\x80"
                           "a",
                           "\xC0\x80",
                           "\xC1\xBF",  // overlong
                           "\xE0\x80\x80",
                           "\xE0\x9F\xBF",
                           "\xF0\x80\x80\x80",
                           "\xF0\x8F\xBF\xBF",
                           "\xED\xA0\x80",
                           "\xED\xBF\xBF",  // surrogates
                           "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80",
                           "\xFE",
                           "\xFF",
                           "ok\xC2",
                           "\xC2\xC2\x80"}) {
    EXPECT_FALSE(IsUtf8(text)) << ToHex(AsBytes(text));
  }
}

// Against the definition: of all pairs of bytes only two ASCII ones, or one
// character from U+0080 to U+07FF, are text.
TEST(Utf8Test, EveryPairOfBytesIsJudgedByTheDefinition) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      std::string text = {static_cast<char>(a), static_cast<char>(b)};
      bool ascii = a < 0x80 && b < 0x80;
      bool two = a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF;
      EXPECT_EQ(IsUtf8(text), ascii || two) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace strongroom
