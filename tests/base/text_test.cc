#include "base/text.h"

#include <gtest/gtest.h>

namespace strongroom {
namespace {

TEST(TextTest, PrintableTextStaysAsItIs) {
  EXPECT_EQ(Escape("plain text, na\xC3\xAFve \xF0\x9F\x94\x91"),
            "plain text, na\xC3\xAFve \xF0\x9F\x94\x91");
}

TEST(TextTest, QuotesAndBackslashesAreEscaped) {
  EXPECT_EQ(Escape("a\"b\\c"), "a\\\"b\\\\c");
}

TEST(TextTest, ControlCharactersAreEscaped) {
  EXPECT_EQ(Escape("a\nb\rc\td\x1B[0m\x7F"), "a\\nb\\rc\\td\\x1b[0m\\x7f");
  EXPECT_EQ(Escape(std::string_view("\0", 1)), "\\x00");
  // U+009B is a terminal's control sequence introducer in one character.
  EXPECT_EQ(Escape("\xC2\x9B"), "\\xc2\\x9b");
  EXPECT_EQ(Escape("\xC2\xA0"), "\xC2\xA0");
}

TEST(TextTest, BytesThatAreNotUtf8AreEscapedOneByOne) {
  EXPECT_EQ(Escape("a\xFF\xC3z\xE2\x82"), "a\\xff\\xc3z\\xe2\\x82");
}

TEST(TextTest, QuoteCutsLongTextBetweenCharacters) {
  EXPECT_EQ(Quote("abc", 3), "\"abc\"");
  EXPECT_EQ(Quote("abcd", 3), "\"abc...\"");
  EXPECT_EQ(Quote("ab\xE2\x82\xAC z", 4), "\"ab...\"");
  EXPECT_EQ(Quote("ab\xE2\x82\xAC z", 5), "\"ab\xE2\x82\xAC...\"");
}

TEST(TextTest, QuoteOfStrayContinuationBytesEnds) {
  EXPECT_EQ(Quote("\x80\x80\x80\x80", 2), "\"...\"");
}

}  // namespace
}  // namespace strongroom
