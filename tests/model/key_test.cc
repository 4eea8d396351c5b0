#include "strongroom/model/key.h"

#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace strongroom::model {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using strongroom::testing::HasReason;

TEST(KeySettingsTest, TheDefaultsAreValid) {
  EXPECT_EQ(Validate(KeySettings{}), OkStatus());
}

TEST(KeySettingsTest, EachBoundIsCheckedOnBothSides) {
  auto refused = [](auto change) {
    KeySettings settings;
    change(settings);
    EXPECT_THAT(Validate(settings), HasReason(Reason::kArgumentInvalid));
  };
  auto accepted = [](auto change) {
    KeySettings settings;
    change(settings);
    EXPECT_EQ(Validate(settings), OkStatus());
  };
  const seconds year = hours(365 * 24);
  refused([](KeySettings& s) { s.labels = {{"Upper", "x"}}; });
  for (auto field :
       {&KeySettings::rotation_period, &KeySettings::retire_after}) {
    refused([&](KeySettings& s) { s.*field = seconds(3599); });
    accepted([&](KeySettings& s) { s.*field = seconds(3600); });
    accepted([&](KeySettings& s) { s.*field = 100 * year; });
    refused([&](KeySettings& s) { s.*field = 100 * year + seconds(1); });
    refused([&](KeySettings& s) { s.*field = seconds(-1); });
  }
  refused([&](KeySettings& s) { s.destroy_after = seconds(-1); });
  accepted([&](KeySettings& s) { s.destroy_after = 10 * year; });
  refused([&](KeySettings& s) { s.destroy_after = 10 * year + seconds(1); });
  refused([](KeySettings& s) { s.batch.max_items = 0; });
  refused([](KeySettings& s) { s.batch.max_items = kMaxBatchItems + 1; });
  refused([](KeySettings& s) { s.batch.max_age = milliseconds(-1); });
  refused(
      [](KeySettings& s) { s.batch.max_age = kMaxBatchAge + milliseconds(1); });
}

TEST(KeyChangeTest, AChangeSetsWhatItNamesAndNothingElse) {
  const KeySettings before{.labels = {{"env", "dev"}},
                           .rotation_period = hours(5),
                           .batch = {.max_items = 7},
                           .destroy_after = hours(6),
                           .registration = RegistrationRule::kRequired,
                           .rewrap_on_rotation = true,
                           .retire_after = hours(7)};
  EXPECT_EQ(Changed(before, KeyChange{}), before);
  const KeySettings after;
  EXPECT_EQ(Changed(before, {.labels = after.labels,
                             .rotation_period = after.rotation_period,
                             .batch = after.batch,
                             .destroy_after = after.destroy_after,
                             .registration = after.registration,
                             .rewrap_on_rotation = after.rewrap_on_rotation,
                             .retire_after = after.retire_after}),
            after);
  KeySettings one = before;
  one.retire_after = seconds(0);
  EXPECT_EQ(Changed(before, {.retire_after = seconds(0)}), one);
}

TEST(KeyTest, FindLooksUpANumberAcrossGaps) {
  Key key;
  key.versions = {{.number = 1}, {.number = 4}};
  EXPECT_EQ(key.Find(4), &key.versions[1]);
  EXPECT_EQ(key.Find(2), nullptr);
  EXPECT_EQ(key.Find(5), nullptr);
}

TEST(StateNameTest, AnUnknownNumberHasNoNameOfAnotherState) {
  EXPECT_EQ(StateName(VersionState::kDestroyScheduled), "DESTROY_SCHEDULED");
  EXPECT_EQ(StateName(static_cast<VersionState>(77)), "UNKNOWN");
  EXPECT_EQ(RuleName(static_cast<RegistrationRule>(77)), "UNKNOWN");
}

}  // namespace
}  // namespace strongroom::model
