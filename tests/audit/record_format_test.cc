#include "audit/record_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/testing/status_matchers.h"

namespace strongroom::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Record Full() {
  Record record;
  record.time = WallTime(std::chrono::milliseconds(1738310400123));
  record.request_id = "r-1";
  record.caller = "cn:app";
  record.peer = "127.0.0.1:9";
  record.door = "grpc";
  record.operation = "BatchWrap";
  record.key = "payments/cards";
  record.versions = {1, 3};
  record.items = 10;
  record.failed_items = 2;
  record.outcome = "OK";
  record.detail = "2 DEK_SIZE_INVALID";
  record.duration_us = 77;
  return record;
}

TEST(RecordFormatTest, ALineHasEveryFieldInAFixedOrder) {
  EXPECT_EQ(FormatRecord(Full(), 42),
            R"({"seq":42,"time":"2025-01-31T08:00:00.123Z","request_id":"r-1",)"
            R"("caller":"cn:app","peer":"127.0.0.1:9","door":"grpc",)"
            R"("operation":"BatchWrap",)"
            R"("key":"payments/cards","versions":[1,3],"items":10,)"
            R"("failed_items":2,"outcome":"OK","detail":"2 DEK_SIZE_INVALID",)"
            R"("duration_us":77})");
}

TEST(RecordFormatTest, EmptyTextsAndZerosAreLeftOut) {
  EXPECT_EQ(FormatRecord(Record{}, 1),
            R"({"seq":1,"time":"1970-01-01T00:00:00.000Z"})");
}

TEST(RecordFormatTest, NoValueCanEndTheLineOrLeaveAscii) {
  Record record;
  record.key = "a\nb\r\"\\\x1b[31m\x7f";
  record.caller = "\xe2\x80\xa8 \xc2\x85 \xf0\x9f\x94\x91";
  record.detail = std::string("nul\0", 4) + "\xff\xfe\xc0\xaf";
  std::string line = FormatRecord(record, 1);
  for (char c : line) {
    EXPECT_GE(c, 0x20);
    EXPECT_LT(c, 0x7f);
  }
  EXPECT_THAT(line, HasSubstr(R"(a\nb\r\"\\\u001b[31m\u007f)"));
  EXPECT_THAT(line, HasSubstr(R"(nul\u0000\ufffd)"));
}

TEST(RecordFormatTest, EachByteComesOutAsAJsonLibraryWouldWriteIt) {
  for (int byte = 0; byte < 256; ++byte) {
    Record record;
    record.key = std::string("a") + static_cast<char>(byte) + "b";
    const std::string quoted =
        nlohmann::json(record.key)
            .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    EXPECT_THAT(FormatRecord(record, 1), HasSubstr("\"key\":" + quoted + "}"));
  }
}

TEST(RecordFormatTest, LongTextsAreCutAndTheLineStaysBounded) {
  Record record;
  for (std::string* text :
       {&record.request_id, &record.caller, &record.peer, &record.operation,
        &record.key, &record.outcome, &record.detail}) {
    *text = std::string(100000, '\1');
  }
  record.versions.assign(100000, 0x7fffffff);
  std::string line = FormatRecord(record, UINT64_MAX);
  EXPECT_LE(line.size(), kMaxLineSize);
  EXPECT_THAT(line, HasSubstr("...\""));
}

TEST(RecordFormatTest, TheSequenceNumberIsReadBack) {
  EXPECT_EQ(SequenceOf(FormatRecord(Full(), 42)), 42u);
  EXPECT_EQ(SequenceOf("{\"seq\":7,"), 7u);
}

TEST(RecordFormatTest, NothingElseHasASequenceNumber) {
  for (std::string_view line :
       {"", "{", "{\"seq\":", "{\"seq\":7", "{\"seq\":,", "{\"seq\":-7,",
        "{\"seq\": 7,", "{\"seq\":7}", " {\"seq\":7,",
        "{\"seq\":99999999999999999999,", "{\"seq\":18446744073709551615,"}) {
    EXPECT_EQ(SequenceOf(line), std::nullopt) << line;
  }
}

TEST(RecordFormatTest, EveryCutOfAFirstLineIsKnownAsTorn) {
  std::string line = FormatRecord(Full(), 1);
  for (size_t size = 1; size < line.size(); ++size) {
    std::string_view cut = std::string_view(line).substr(0, size);
    EXPECT_TRUE(SequenceOf(cut).has_value() || IsTornStart(cut)) << cut;
  }
  EXPECT_FALSE(IsTornStart("{\"sex\""));
  EXPECT_FALSE(IsTornStart("root:x:0:0"));
  EXPECT_FALSE(IsTornStart("{\"seq\":12x"));
}

}  // namespace
}  // namespace strongroom::audit
