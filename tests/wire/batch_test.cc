#include "wire/batch.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/wire/batch_oracle.h"

namespace strongroom::wire {
namespace {

using ::strongroom::testing::Cut;
using ::strongroom::testing::Disagreement;

constexpr int kMessages = 20'000;

// Generator makes requests of every form, and the bytes of none.
class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  uint32_t Draw(uint32_t below) {
    return std::uniform_int_distribution<uint32_t>(0, below - 1)(random_);
  }
  std::string Text(uint32_t most) {
    std::string text(Draw(most + 1), ' ');
    for (char& c : text) c = static_cast<char>('a' + Draw(26));
    return text;
  }
  // A message that is plain, mostly.
  v1::BatchWrapRequest Request() {
    v1::BatchWrapRequest request;
    request.set_name(Text(40));
    const uint32_t items = Draw(6);
    for (uint32_t i = 0; i < items; ++i) {
      auto* item = request.add_items();
      item->set_dek(Text(Draw(4) == 0 ? 300 : 33));
      if (Draw(20) == 0) item->add_encryption_context()->set_key("k");
      if (Draw(20) == 0) item->mutable_about()->set_reference(Text(9));
    }
    for (uint32_t i = Draw(3); i > 0; --i) {
      auto* pair = request.add_encryption_context();
      pair->set_key(Text(9));
      pair->set_value(Text(200));
    }
    request.set_compact(Draw(2) == 0);
    request.set_register_(Draw(2) == 0);
    if (Draw(4) == 0) request.set_request_id(Text(16));
    if (Draw(4) == 0) (*request.mutable_about()->mutable_labels())["a"] = "b";
    return request;
  }
  // A varint in more bytes than it needs.
  static std::string Overlong(uint8_t value, uint32_t bytes) {
    std::string out(bytes, '\x80');
    out[0] = static_cast<char>(value | 0x80);
    out.back() = 0;
    return out;
  }
  void Damage(std::string* bytes) {
    const uint32_t at = Draw(static_cast<uint32_t>(bytes->size()) + 1);
    switch (Draw(5)) {
      case 0:
        return bytes->resize(at);
      case 1:
        bytes->insert(at, 1, static_cast<char>(Draw(256)));
        return;
      case 2: {  // as if a field of two messages
        const std::string copy = bytes->substr(at);
        *bytes += copy;
        return;
      }
      case 3:  // a tag or a size written at length
        if (at == bytes->size()) return;
        bytes->replace(
            at, 1,
            Overlong(static_cast<uint8_t>((*bytes)[at]) & 0x7f, 2 + Draw(9)));
        return;
      default:
        if (at < bytes->size()) {
          (*bytes)[at] ^= static_cast<char>(1 << Draw(8));
        }
    }
  }

 private:
  std::mt19937 random_;
};

TEST(BatchWireTest, BothReadersAgreeOnMessagesAndOnDamagedOnes) {
  Generator draw(1);
  int taken = 0;
  for (int i = 0; i < kMessages; ++i) {
    std::string bytes = draw.Request().SerializeAsString();
    for (uint32_t times = draw.Draw(4); times > 0; --times) draw.Damage(&bytes);
    const size_t slice = 1 + draw.Draw(200);
    const auto wrap = Disagreement<v1::BatchWrapRequest>(bytes, slice);
    const auto encrypt = Disagreement<v1::BatchEncryptRequest>(bytes, slice);
    ASSERT_EQ(wrap, std::nullopt) << ToHex(AsBytes(bytes));
    ASSERT_EQ(encrypt, std::nullopt) << ToHex(AsBytes(bytes));
    if (TakePlainItems(Cut(bytes, slice).pieces())) ++taken;
  }
  EXPECT_GT(taken, kMessages / 4) << "the two readers hardly met";
}

TEST(BatchWireTest, OrdinaryRequestsAreTaken) {
  Generator draw(2);
  for (int i = 0; i < 1000; ++i) {
    v1::BatchWrapRequest request = draw.Request();
    for (auto& item : *request.mutable_items()) {
      item.clear_encryption_context();
      item.clear_about();
      item.set_dek("d" + item.dek());
    }
    const auto taken = TakePlainItems(
        Cut(request.SerializeAsString(), 1 + draw.Draw(200)).pieces());
    ASSERT_TRUE(taken.has_value()) << request.ShortDebugString();
    ASSERT_EQ(taken->secrets.size(), static_cast<size_t>(request.items_size()));
  }
}

// What protobuf refuses, or reads as something else, if numbers are written in
// more bytes than they need.
TEST(BatchWireTest, NumbersAtLengthAreLeftToProtobuf) {
  using namespace std::string_literals;
  for (const std::string& bytes :
       {"\x12\x07\x0a\x85\x00"
        "abcde"s,  // the secret ends behind its item
        "\x12\x07\x8a\x00\x05"
        "abcde"s,
        "\x92\x80\x80\x80\x80\x00\x03\x0a\x01"
        "a"s,  // a tag of six bytes
        "\x12\x83\x80\x80\x80\x80\x00\x0a\x01"
        "a"s,                             // a size of six
        "\xa0\x80\x80\x80\x80\x00\x01"s,  // a tag that is copied
        "\x0a\x81\x80\x80\x80\x80\x00"
        "a"s}) {  // its size
    EXPECT_FALSE(TakePlainItems(Cut(bytes, 64).pieces()).has_value())
        << ToHex(AsBytes(bytes));
    EXPECT_FALSE(v1::BatchWrapRequest().ParseFromString(bytes))
        << ToHex(AsBytes(bytes));
  }
}

}  // namespace
}  // namespace strongroom::wire
