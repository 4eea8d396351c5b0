#include "strongroom/base/strict_yaml.h"

#include <limits>

#include "tests/testing/status_matchers.h"

namespace strongroom {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using ::testing::StartsWith;
using Kind = YamlNode::Kind;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

YamlNode Parsed(std::string_view text) {
  StatusOr<YamlNode> node = YamlNode::Parse(text, "c.yaml");
  EXPECT_OK(node) << text;
  return node.ok() ? *std::move(node) : YamlNode();
}

// Parsing must fail at this line ("c.yaml:3") with this in the message.
void ExpectRefused(std::string_view text, const std::string& where,
                   const std::string& message) {
  EXPECT_THAT(YamlNode::Parse(text, "c.yaml"),
              HasReason(Reason::kConfigInvalid,
                        AllOf(StartsWith(where + ": "), HasSubstr(message))))
      << text;
}

TEST(StrictYamlTest, MapsListsAndScalarsBecomeATree) {
  YamlNode root = Parsed(
      "hsm:\n  workers: 8\n  pins: [a, 'b c', \"d\"]\n"
      "rules:\n- name: one\n- name: two\n");
  ASSERT_TRUE(root.IsMap());
  const YamlNode* hsm = root.Find("hsm");
  ASSERT_NE(hsm, nullptr);
  EXPECT_THAT(hsm->Find("workers")->AsInt(1, 64), IsOkAndHolds(8));
  std::vector<std::string> pins;
  for (const YamlNode& pin : hsm->Find("pins")->items()) {
    pins.push_back(pin.AsString().value_or("no text"));
  }
  EXPECT_THAT(pins, ElementsAre("a", "b c", "d"));
  const YamlNode* rules = root.Find("rules");
  ASSERT_TRUE(rules->IsList());
  ASSERT_EQ(rules->items().size(), 2u);
  EXPECT_THAT(rules->items()[1].Find("name")->AsString(), IsOkAndHolds("two"));
  EXPECT_EQ(root.Find("absent"), nullptr);
  EXPECT_EQ(root.fields().size(), 2u);
}

TEST(StrictYamlTest, NothingIsNull) {
  for (const char* text : {"", "\n", "# a comment\n", "---\n", "~", "null",
                           "...\n", "---\n...\n"}) {
    EXPECT_EQ(Parsed(text).kind(), Kind::kNull) << text;
  }
  EXPECT_EQ(Parsed("a:\n").Find("a")->kind(), Kind::kNull);
}

TEST(StrictYamlTest, OneDocumentMayBeMarked) {
  for (const char* text : {"---\na: 1\n...\n", "---\na: 1\n...", "a: 1",
                           "a: 1\n...\n", "--- {a: 1}\n# end"}) {
    EXPECT_THAT(Parsed(text).Find("a")->AsInt(0, 9), IsOkAndHolds(1)) << text;
  }
}

TEST(StrictYamlTest, CommentsBlockTextAndWindowsLinesAreRead) {
  YamlNode root = Parsed("a: 1 # note\r\nb: |\r\n  two\r\n  lines\r\n");
  EXPECT_THAT(root.Find("a")->AsString(), IsOkAndHolds("1"));
  EXPECT_THAT(root.Find("b")->AsString(), IsOkAndHolds("two\nlines\n"));
}

TEST(StrictYamlTest, DuplicateKeysAreRefused) {
  ExpectRefused("a: 1\nb: 2\na: 3\n", "c.yaml:3",
                "the key \"a\" occurs twice (first at c.yaml:1)");
  ExpectRefused("x:\n  y: 1\n  'y': 2\n", "c.yaml:3", "occurs twice");
  ExpectRefused("{a: 1, a: 1}", "c.yaml:1", "occurs twice");
  ExpectRefused("- a: {b: 1, \"b\": {}}\n", "c.yaml:1", "occurs twice");
  ExpectRefused("a:\na:\n", "c.yaml:2", "occurs twice");
}

TEST(StrictYamlTest, TheSameKeyInDifferentMapsIsFine) {
  EXPECT_OK(YamlNode::Parse("a: {x: 1}\nb: {x: 2}\n", "c.yaml"));
}

TEST(StrictYamlTest, KeysThatAreNotTextAreRefused) {
  ExpectRefused("? [a, b]\n: 1\n", "c.yaml:1", "list or a map");
  ExpectRefused("{a: 1}: 2\n", "c.yaml:1", "list or a map");
  ExpectRefused("a: 1\n~: 2\n", "c.yaml:2", "null");
  ExpectRefused(": 2\n", "c.yaml:1", "null");
}

TEST(StrictYamlTest, AnchorsAndAliasesAreRefused) {
  ExpectRefused("a: &x 1\nb: *x\n", "c.yaml:1", "anchor");
  ExpectRefused("a: &x {b: 1}\n", "c.yaml:1", "anchor");
  ExpectRefused("a: &x [b]\n", "c.yaml:1", "anchor");
  ExpectRefused("a: &x\n", "c.yaml:1", "anchor");
  ExpectRefused("&x a: 1\n", "c.yaml:1", "anchor");
  ExpectRefused("a: 1\nb: *unknown\n", "c.yaml:2", "anchor is not defined");
  ExpectRefused("base: &b {x: 1}\nd:\n  <<: *b\n", "c.yaml:1", "anchor");
}

TEST(StrictYamlTest, TagsAreRefused) {
  ExpectRefused("a: !!str 1\n", "c.yaml:1", "tag");
  ExpectRefused("a: !local 1\n", "c.yaml:1", "tag");
  ExpectRefused("a: ! 1\n", "c.yaml:1", "tag");
  ExpectRefused("a: !!map {}\n", "c.yaml:1", "tag");
  ExpectRefused("a: ! {}\n", "c.yaml:1", "tag");
  ExpectRefused("a: !!seq []\n", "c.yaml:1", "tag");
  ExpectRefused("a: !<x> 1\n", "c.yaml:1", "tag");
  ExpectRefused("!!str a: 1\n", "c.yaml:1", "tag");
  ExpectRefused("a: ! 'quoted'\n", "c.yaml:1", "tag");
  ExpectRefused("\xC3\xA9: 1\r\nb: ! 2\r\n", "c.yaml:2", "tag");
}

TEST(StrictYamlTest, TextWithAnExclamationMarkIsNotATag) {
  YamlNode root = Parsed("a: '!x'\nb: \"!\"\nc: x!y\n");
  EXPECT_THAT(root.Find("a")->AsString(), IsOkAndHolds("!x"));
  EXPECT_THAT(root.Find("b")->AsString(), IsOkAndHolds("!"));
  EXPECT_THAT(root.Find("c")->AsString(), IsOkAndHolds("x!y"));
}

TEST(StrictYamlTest, SeveralDocumentsAreRefused) {
  ExpectRefused("a: 1\n---\nb: 2\n", "c.yaml:2", "second document");
  ExpectRefused("---\n---\n", "c.yaml:2", "second document");
}

std::string Lists(int depth) {
  return std::string(static_cast<size_t>(depth), '[') +
         std::string(static_cast<size_t>(depth), ']');
}

TEST(StrictYamlTest, NestingDeeperThan32IsRefused) {
  EXPECT_OK(YamlNode::Parse(Lists(32), "c.yaml"));
  ExpectRefused(Lists(33), "c.yaml:1", "nested deeper than 32");
  ExpectRefused(Lists(400), "c.yaml:1", "nested deeper than 32");
  ExpectRefused(Lists(20000), "c.yaml:1", "nested deeper than 32");
  std::string maps;
  for (size_t i = 0; i < 33; ++i) maps += std::string(i, ' ') + "k:\n";
  ExpectRefused(maps + std::string(33, ' ') + "k: 1\n", "c.yaml:33",
                "nested deeper");
}

TEST(StrictYamlTest, MoreThanAMebibyteIsRefused) {
  std::string text = "a: 1\n#";
  text.resize(1 << 20, 'x');
  EXPECT_OK(YamlNode::Parse(text, "c.yaml"));
  ExpectRefused(text + "x", "c.yaml", "want at most 1048576");
}

TEST(StrictYamlTest, FloodsOfValuesAndOfLongKeysAreRefused) {
  std::string many = "[";
  for (int i = 0; i < 100001; ++i) many += "a,";
  ExpectRefused(many + "]", "c.yaml:1", "more than 100000 values");
  ExpectRefused("? " + std::string(600, 'k') + "\n: 1\n", "c.yaml:1",
                "more than 512 bytes");
}

TEST(StrictYamlTest, TextThatIsNotUtf8IsRefused) {
  ExpectRefused("a: 1\nb: \xFF\n", "c.yaml:2", "not UTF-8");
  ExpectRefused(
      "\xFF\xFE"
      "a",
      "c.yaml:1", "not UTF-8");
  ExpectRefused(
      "\xEF\xBB\xBF"
      "a: 1\n",
      "c.yaml:1", "byte order mark");
}

// The parser takes 0x04 for the end: the rest would be lost without a word.
TEST(StrictYamlTest, ControlCharactersAreRefused) {
  ExpectRefused("a: 1\n\x04\nb: 2\n", "c.yaml:2", "control character");
  ExpectRefused(std::string_view("a: 1\n\0", 6), "c.yaml:2", "\\x00");
  ExpectRefused("a: \x1B[0m\n", "c.yaml:1", "\\x1b");
  ExpectRefused("a: \x7F\n", "c.yaml:1", "control character");
}

TEST(StrictYamlTest, WhatIsNotYamlIsRefusedWithItsLine) {
  ExpectRefused("a: [1, 2\n", "c.yaml:2", "not YAML");
  ExpectRefused("a: 1\n b: 2\n", "c.yaml:2", "not YAML");
  ExpectRefused("a: \"\\q\"\n", "c.yaml:1", "not YAML");
  ExpectRefused("a:\n\t- b\n", "c.yaml:2", "not YAML");
}

// The parser quotes one byte of a character of several.
TEST(StrictYamlTest, MessagesAreUtf8) {
  ExpectRefused("a: \"\\\xC7\x94\"\n", "c.yaml:1", "\\xc7");
}

// The parser alone takes the end of the file for the closing quote.
TEST(StrictYamlTest, AQuoteThatIsNeverClosedIsRefused) {
  for (const char* text :
       {"a: 1\nb: 'open\n", "a: 1\nb: \"open\n", "a: 1\nb: 'open",
        "a: 1\nb: \"open\n\n\n", "a: 1\nb: \"open\nc: 2\n", "a: 1\n'open\n",
        "a: 1\nb: ['open\n", "a: 1\nb: 'it''s\n"}) {
    EXPECT_THAT(YamlNode::Parse(text, "c.yaml"),
                HasReason(Reason::kConfigInvalid, HasSubstr("not YAML")))
        << text;
  }
}

// The parser alone skips them, even in the middle of a document.
TEST(StrictYamlTest, DirectivesAreRefused) {
  ExpectRefused("%YAML 1.2\n---\na: 1\n", "c.yaml:1", "directive");
  ExpectRefused("%TAG ! tag:x\n---\na: 1\n", "c.yaml:1", "directive");
  ExpectRefused("a: 1\n%b: 2\n", "c.yaml:2", "directive");
  EXPECT_THAT(Parsed("a: 5%\n").Find("a")->AsString(), IsOkAndHolds("5%"));
}

TEST(StrictYamlTest, TextAfterTheDocumentIsRefused) {
  for (const char* text : {"{a: 1} {b: 2}\n", "[1]\n[2]\n", "a: 'x' y\n",
                           "a: 1\n...\nb: 2\n", "- a\nb: 1\n", "a: 1\n}"}) {
    EXPECT_THAT(YamlNode::Parse(text, "c.yaml"),
                HasReason(Reason::kConfigInvalid))
        << text;
  }
}

TEST(StrictYamlTest, CutAnywhereItParsesOrIsRefusedButNeverWorse) {
  const std::string kText =
      "hsm: {workers: 8, pins: [a, \"b\\n\"]}\nrules:\n- 'x': |\n    y\n"
      "  z: ! 1\n? k\n: &a v\n--- \n- *a\n";
  for (size_t size = 0; size <= kText.size(); ++size) {
    auto node = YamlNode::Parse(kText.substr(0, size), "c.yaml");
    if (node.ok()) continue;
    EXPECT_THAT(node, HasReason(Reason::kConfigInvalid));
  }
}

YamlNode Value(const std::string& scalar) {
  return *Parsed("section:\n  key: " + scalar + "\n")
              .Find("section")
              ->Find("key");
}

TEST(YamlScalarTest, ErrorsNameFileLineAndPath) {
  EXPECT_THAT(Value("x").AsInt(1, 9),
              HasReason(Reason::kConfigInvalid,
                        "c.yaml:2: section.key: is \"x\"; want a decimal "
                        "number from 1 to 9"));
  YamlNode root = Parsed("rules:\n- a\n- b:\n    c: {}\n");
  EXPECT_THAT(root.Find("rules")->items()[1].Find("b")->Find("c")->AsString(),
              HasReason(Reason::kConfigInvalid,
                        "c.yaml:4: rules[1].b.c: is a map; want text"));
}

TEST(YamlScalarTest, DecimalNumbersInRangeAreTaken) {
  EXPECT_THAT(Value("0").AsInt(0, 9), IsOkAndHolds(0));
  EXPECT_THAT(Value("-12").AsInt(-12, 9), IsOkAndHolds(-12));
  EXPECT_THAT(Value("9223372036854775807").AsInt(kMin, kMax),
              IsOkAndHolds(kMax));
  EXPECT_THAT(Value("-9223372036854775808").AsInt(kMin, kMax),
              IsOkAndHolds(kMin));
}

TEST(YamlScalarTest, OtherNumbersAreRefused) {
  for (const char* text : {"0x10",
                           "010",
                           "0o7",
                           "+5",
                           "1.0",
                           "1e3",
                           "1_000",
                           "''",
                           "' 1'",
                           "'-'",
                           "-0",
                           "--1",
                           "1 000",
                           "ten",
                           "~",
                           "[1]",
                           "{a: 1}",
                           "9223372036854775808",
                           "-9223372036854775809",
                           "true"}) {
    EXPECT_THAT(Value(text).AsInt(kMin, kMax),
                HasReason(Reason::kConfigInvalid, HasSubstr("decimal")))
        << text;
  }
}

TEST(YamlScalarTest, NumbersOutOfRangeAreRefused) {
  EXPECT_THAT(Value("0").AsInt(1, 9), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(Value("10").AsInt(1, 9),
              HasReason(Reason::kConfigInvalid, HasSubstr("1 to 9")));
}

TEST(YamlScalarTest, OnlyTrueAndFalseAreTruth) {
  EXPECT_THAT(Value("true").AsBool(), IsOkAndHolds(true));
  EXPECT_THAT(Value("false").AsBool(), IsOkAndHolds(false));
  for (const char* text : {"yes", "no", "on", "off", "True", "FALSE", "1", "0",
                           "y", "''", "~", "[true]"}) {
    EXPECT_THAT(Value(text).AsBool(),
                HasReason(Reason::kConfigInvalid, HasSubstr("true or false")))
        << text;
  }
}

TEST(YamlScalarTest, TextIsTakenAsWritten) {
  EXPECT_THAT(Value("plain words").AsString(), IsOkAndHolds("plain words"));
  EXPECT_THAT(Value("'null'").AsString(), IsOkAndHolds("null"));
  EXPECT_THAT(Value("\"\"").AsString(), IsOkAndHolds(""));
  EXPECT_THAT(Value("0x10").AsString(), IsOkAndHolds("0x10"));
}

TEST(YamlScalarTest, WhatIsNotTextIsRefused) {
  for (const char* text : {"~", "null", "", "[a]", "{a: b}"}) {
    EXPECT_THAT(Value(text).AsString(),
                HasReason(Reason::kConfigInvalid, HasSubstr("want text")))
        << text;
  }
}

TEST(YamlMapTest, RequireGivesTheMemberOrNamesIt) {
  YamlNode root = Parsed("a: 1\nb: [x]\n");
  ASSERT_OK_AND_ASSIGN(const YamlNode* a, root.Require("a"));
  EXPECT_EQ(a, root.Find("a"));
  EXPECT_THAT(
      root.Require("c"),
      HasReason(Reason::kConfigInvalid, "c.yaml:1: the key \"c\" is missing"));
  EXPECT_THAT(
      root.Find("b")->Require("c"),
      HasReason(Reason::kConfigInvalid, HasSubstr("b: is a list; want a map")));
  EXPECT_THAT(Parsed("s:\n").Find("s")->Require("c"),
              HasReason(Reason::kConfigInvalid, HasSubstr("missing")));
}

TEST(YamlMapTest, AnEmptyFileStillNamesItself) {
  EXPECT_THAT(Parsed("").Require("hsm"),
              HasReason(Reason::kConfigInvalid, StartsWith("c.yaml:1: ")));
}

TEST(YamlMapTest, UnknownKeysAreRefusedWithTheNearestKnownOne) {
  YamlNode root = Parsed("hsm:\n  module: m\n  worker: 8\n");
  EXPECT_THAT(
      root.Find("hsm")->RefuseUnknown({"module", "workers", "pin_file"}),
      HasReason(Reason::kConfigInvalid,
                "c.yaml:3: hsm.worker: unknown key; the nearest known one is "
                "\"workers\" (known: module, workers, pin_file)"));
  EXPECT_OK(root.Find("hsm")->RefuseUnknown({"module", "worker"}));
}

TEST(YamlMapTest, NearestIsByEditDistance) {
  const std::pair<const char*, const char*> kCases[] = {
      {"listn", "listen"},
      {"lisetn", "listen"},
      {"pin", "pin_file"},
      {"Workers", "workers"},
      {"x-workers", "workers"}};
  for (const auto& [written, meant] : kCases) {
    EXPECT_THAT(Parsed(std::string(written) + ": 1\n")
                    .RefuseUnknown({"listen", "pin_file", "workers"}),
                HasReason(Reason::kConfigInvalid,
                          HasSubstr("\"" + std::string(meant) + "\"")))
        << written;
  }
}

TEST(YamlMapTest, WhereNoKeyIsKnownEveryKeyIsRefused) {
  EXPECT_THAT(Parsed("a: 1\n").RefuseUnknown({}),
              HasReason(Reason::kConfigInvalid, HasSubstr("unknown key")));
  EXPECT_OK(Parsed("{}").RefuseUnknown({}));
}

TEST(YamlMapTest, WhatIsNotAMapIsRefused) {
  EXPECT_THAT(Parsed("[a]").RefuseUnknown({"a"}),
              HasReason(Reason::kConfigInvalid, HasSubstr("want a map")));
  EXPECT_THAT(Parsed("a").RefuseUnknown({"a"}),
              HasReason(Reason::kConfigInvalid, HasSubstr("is \"a\"")));
  EXPECT_OK(Parsed("").RefuseUnknown({"a"}));
}

TEST(YamlMapTest, KeysInMessagesAreEscaped) {
  YamlNode root = Parsed("\"a\\nb\": 1\n");
  EXPECT_THAT(
      root.RefuseUnknown({"x"}),
      HasReason(Reason::kConfigInvalid, HasSubstr("1: a\\nb: unknown")));
}

TEST(YamlMapTest, InvalidPointsAtTheNode) {
  EXPECT_THAT(
      Value("x").Invalid("want y"),
      HasReason(Reason::kConfigInvalid, "c.yaml:2: section.key: want y"));
}

}  // namespace
}  // namespace strongroom
