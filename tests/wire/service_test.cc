// The token, the service and its callers on the wire, in both directions.
#include "wire/service.h"

#include <gmock/gmock.h>

#include "tests/testing/fake_clock.h"
#include "tests/wire/round_trip.h"

namespace strongroom::testing {
namespace {

using ::testing::ElementsAre;

TEST(WireServiceTest, AnObjectWithABinaryLabelIsStillListed) {
  model::TokenObject object;
  object.id = {0x01, 0xfe};
  object.label = "\xff";
  object.owner = "foreign";
  object.sensitive = true;
  ASSERT_OK_AND_ASSIGN(auto response, AnswerOf<v1::ListTokenObjectsResponse>(
                                          std::vector{object}));
  EXPECT_EQ(response.objects(0).id(), "01fe");
  EXPECT_EQ(response.objects(0).label(), "hex:ff");
  EXPECT_EQ(response.objects(0).owner(), "foreign");
  EXPECT_TRUE(response.objects(0).sensitive());
  EXPECT_FALSE(response.objects(0).never_extractable());
  ASSERT_OK_AND_ASSIGN(auto read, wire::Read(response));
  object.label = "hex:ff";
  EXPECT_THAT(read, ElementsAre(object));
}

TEST(WireServiceTest, AnObjectWhoseIdIsNotHexIsAFault) {
  v1::ListTokenObjectsResponse response;
  response.add_objects()->set_id("zz");
  EXPECT_THAT(wire::Read(response), HasReason(Reason::kInternal));
}

TEST(WireServiceTest, TheSigningKeyIsGivenAsItIs) {
  ASSERT_OK_AND_ASSIGN(
      auto response, AnswerOf<v1::SigningKey>(model::SigningKey{"0a", "PEM"}));
  EXPECT_EQ(response.key_id(), "0a");
  EXPECT_EQ(response.public_key(), "PEM");
  EXPECT_EQ(wire::Read(response), (model::SigningKey{"0a", "PEM"}));
}

TEST(WireServiceTest, TheStatusIsToldWholeAndReadsAsItWasWritten) {
  model::ServiceStatus status;
  status.server = {
      "9.9.9", "dev", FakeClock::kStart, "installation", {"a warning"}};
  status.token_label = "token";
  status.token_model = "model";
  status.token_serial = "serial";
  status.profile = "profile";
  status.sessions = 3;
  status.hsm_detail = "unplugged";
  status.keys = 4;
  status.key_versions = 5;
  status.token_operations = 6;
  status.items_sealed = 7;
  status.items_opened = 8;
  ASSERT_OK_AND_ASSIGN(auto response, AnswerOf<v1::GetStatusResponse>(status));
  EXPECT_EQ(response.version(), "9.9.9");
  EXPECT_EQ(response.mode(), "dev");
  EXPECT_EQ(response.start_time().seconds(), 1738310400);
  EXPECT_THAT(response.warnings(), ElementsAre("a warning"));
  EXPECT_EQ(response.token_label(), "token");
  EXPECT_FALSE(response.hsm_healthy());
  EXPECT_EQ(response.hsm_detail(), "unplugged");
  EXPECT_EQ(response.keys(), 4u);
  EXPECT_EQ(wire::Read(response), status);
}

TEST(WireServiceTest, TheCallerIsToldWholeAndReadsAsItWasWritten) {
  const model::Identity identity{"cn:app", "CN=app", {"rule \"all\""}};
  ASSERT_OK_AND_ASSIGN(auto response, AnswerOf<v1::WhoAmIResponse>(identity));
  EXPECT_EQ(response.peer(), "CN=app");
  EXPECT_EQ(wire::Read(response), identity);
}

}  // namespace
}  // namespace strongroom::testing
