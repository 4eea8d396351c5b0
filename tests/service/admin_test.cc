// KeyAdmin: lifecycle, views, and what their records say.
#include <gtest/gtest.h>

#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AdminTest : public ::testing::Test {
 protected:
  Rig& service() { return rig_; }
  StatusOr<model::Key> Create(const std::string& who, const std::string& name,
                              const Labels& labels = {}) {
    KeySettings settings;
    settings.labels = labels;
    return service().CreateKey(Rig::CallAs(who, ops::kCreateKey), name,
                               settings);
  }
  StatusOr<model::Key> Relabel(const std::string& who, const std::string& name,
                               const Labels& labels) {
    keyring::KeyChange change;
    change.labels = labels;
    return service().UpdateKey(Rig::CallAs(who, ops::kUpdateKey), name, change);
  }
  StatusOr<model::KeyPage> List(const std::string& who,
                                const std::string& prefix = "",
                                uint32_t size = 0,
                                const std::string& token = "") {
    return rig_.Ask(Rig::CallAs(who, ops::kListKeys),
                    model::ListKeys{prefix, size, token});
  }
  static std::vector<std::string> Names(const model::KeyPage& result) {
    std::vector<std::string> names;
    for (const model::Key& key : result.keys) {
      names.push_back(key.name);
    }
    return names;
  }

  Rig rig_;
};

TEST_F(AdminTest, AKeyIsCreatedShownAndRotated) {
  ASSERT_OK_AND_ASSIGN(model::Key made,
                       Create("root", "demo/app", {{"env", "dev"}}));
  EXPECT_EQ(made.primary, 1u);
  EXPECT_EQ(made.settings.labels.at("env"), "dev");
  ASSERT_EQ(made.versions.size(), 1u);
  audit::Record record = rig_.audit_.last().record;
  EXPECT_EQ(record.operation, "CreateKey");
  EXPECT_EQ(record.key, "demo/app");
  EXPECT_THAT(record.versions, ElementsAre(1));

  ASSERT_OK_AND_ASSIGN(
      model::Key rotated,
      service().OfKey(Rig::CallAs("root", ops::kRotateKey), "demo/app"));
  EXPECT_EQ(rotated.primary, 2u);
  EXPECT_EQ(rotated.versions.size(), 2u);
  EXPECT_THAT(rig_.audit_.last().record.versions, ElementsAre(2));

  ASSERT_OK_AND_ASSIGN(
      model::Key shown,
      service().OfKey(Rig::CallAs("app", ops::kGetKey), "demo/app"));
  EXPECT_EQ(shown.id, made.id);
  EXPECT_EQ(shown.primary, 2u);
}

TEST_F(AdminTest, SealsAreShown) {
  rig_.MakeKey("demo/app");
  for (int i = 0; i < 3; ++i) (void)rig_.Wrapped("demo/app");
  ASSERT_OK_AND_ASSIGN(
      model::Key shown,
      service().OfKey(Rig::CallAs("app", ops::kGetKey), "demo/app"));
  EXPECT_GE(shown.versions[0].seals, 3u);
}

TEST_F(AdminTest, VersionsMoveByTheirOwnOperations) {
  rig_.MakeKey("demo/app");
  rig_.Rotate("demo/app");
  auto state = [&] {
    return rig_.keyring_->Current()->FindByName("demo/app")->Find(1)->state;
  };
  using store::VersionState;
  ASSERT_OK(rig_.Move(ops::kDisableVersion, "demo/app", 1));
  EXPECT_EQ(state(), VersionState::kDisabled);
  EXPECT_THAT(rig_.audit_.last().record.versions, ElementsAre(1));
  ASSERT_OK(rig_.Move(ops::kScheduleDestroyVersion, "demo/app", 1));
  EXPECT_EQ(state(), VersionState::kDestroyScheduled);
  ASSERT_OK(rig_.Move(ops::kCancelDestroyVersion, "demo/app", 1));
  EXPECT_EQ(state(), VersionState::kDisabled);
  ASSERT_OK(rig_.Move(ops::kEnableVersion, "demo/app", 1));
  EXPECT_EQ(state(), VersionState::kEnabled);
}

TEST_F(AdminTest, MovesThatTheTableForbidsAreRefused) {
  rig_.MakeKey("demo/app");
  EXPECT_THAT(rig_.Move(ops::kDisableVersion, "demo/app", 1),
              HasReason(Reason::kVersionState));
  EXPECT_THAT(rig_.Move(ops::kScheduleDestroyVersion, "demo/app", 1),
              HasReason(Reason::kVersionState));
  EXPECT_THAT(rig_.Move(ops::kCancelDestroyVersion, "demo/app", 1),
              HasReason(Reason::kVersionState));
  for (uint32_t version : {0u, 2u, 0xffffffffu}) {
    EXPECT_THAT(rig_.Move(ops::kDisableVersion, "demo/app", version),
                HasReason(Reason::kVersionNotFound));
  }
}

TEST_F(AdminTest, BadSettingsAreRefused) {
  EXPECT_THAT(Create("root", "demo/app", {{"Env", "dev"}}),
              HasReason(Reason::kArgumentInvalid));
  KeySettings settings;
  settings.batch.max_items = 5000;
  EXPECT_THAT(service().CreateKey(Rig::CallAs("root", ops::kCreateKey),
                                  "demo/app", settings),
              HasReason(Reason::kArgumentInvalid));
  EXPECT_THAT(Names(*List("root")), IsEmpty());
}

TEST_F(AdminTest, WhoMayActByLabelMayNotMakeKeysWithOthers) {
  EXPECT_OK(Create("prod", "shop/a", {{"env", "prod"}}));
  EXPECT_THAT(Create("prod", "shop/b", {{"env", "dev"}}),
              HasReason(Reason::kPermissionDenied));
  EXPECT_THAT(Create("prod", "shop/b"), HasReason(Reason::kPermissionDenied));
}

TEST_F(AdminTest, RelabellingNeedsTheRightBeforeAndAfter) {
  rig_.MakeKey("shop/a", {{"env", "prod"}});
  rig_.MakeKey("shop/b", {{"env", "dev"}});
  EXPECT_OK(Relabel("prod", "shop/a", {{"env", "prod"}, {"team", "x"}}));
  // Neither giving a key away nor taking one.
  EXPECT_THAT(Relabel("prod", "shop/a", {{"env", "dev"}}),
              HasReason(Reason::kPermissionDenied));
  EXPECT_THAT(Relabel("prod", "shop/b", {{"env", "prod"}}),
              HasReason(Reason::kPermissionDenied));
  auto keys = rig_.keyring_->Current();
  EXPECT_EQ(keys->FindByName("shop/a")->settings.labels.at("env"), "prod");
  EXPECT_EQ(keys->FindByName("shop/b")->settings.labels.at("env"), "dev");
}

TEST_F(AdminTest, AListHasWhatTheCallerMaySee) {
  for (const char* name : {"demo/b", "demo/a", "other/key", "zz"}) {
    rig_.MakeKey(name);
  }
  rig_.MakeKey("shop/a", {{"env", "prod"}});
  EXPECT_THAT(Names(*List("root")),
              ElementsAre("demo/a", "demo/b", "other/key", "shop/a", "zz"));
  EXPECT_THAT(Names(*List("app")), ElementsAre("demo/a", "demo/b"));
  EXPECT_THAT(Names(*List("prod")), ElementsAre("shop/a"));
  EXPECT_THAT(Names(*List("other")), IsEmpty());  // use is not view
  EXPECT_THAT(Names(*List("nobody")), IsEmpty());
  EXPECT_THAT(Names(*List("root", "demo/")), ElementsAre("demo/a", "demo/b"));
  EXPECT_THAT(Names(*List("app", "other/")), IsEmpty());
  EXPECT_EQ(rig_.audit_.last().record.outcome, "OK");
}

TEST_F(AdminTest, PagesGoThroughAllKeysOnce) {
  std::vector<std::string> all;
  for (char c = 'a'; c <= 'g'; ++c) {
    all.push_back(std::string("demo/") + c);
    rig_.MakeKey(all.back());
    rig_.MakeKey(std::string("hidden/") + c);
  }
  for (uint32_t size : {1u, 2u, 3u, 7u, 8u}) {
    std::vector<std::string> seen;
    std::string token;
    size_t pages = 0;
    do {
      ASSERT_OK_AND_ASSIGN(model::KeyPage page, List("app", "", size, token));
      EXPECT_LE(page.keys.size(), size);
      for (const std::string& name : Names(page)) seen.push_back(name);
      token = page.next_page_token;
      ASSERT_LE(++pages, 8u);
    } while (!token.empty());
    EXPECT_EQ(seen, all);
    EXPECT_EQ(pages, (7 + size - 1) / size);
  }
}

TEST_F(AdminTest, APageGoesOnAfterItsLastKeyEvenIfThePrefixChanges) {
  for (const char* name : {"a", "b", "c/1", "c/2"}) rig_.MakeKey(name);
  ASSERT_OK_AND_ASSIGN(model::KeyPage page, List("root", "", 1));
  EXPECT_THAT(Names(*List("root", "c/", 0, page.next_page_token)),
              ElementsAre("c/1", "c/2"));
}

TEST_F(AdminTest, PageTokensOfOthersMakingAreRefused) {
  for (const char* token : {"x", "!!!!", "====", "QQ==", "AAAA", "L2E="}) {
    EXPECT_THAT(List("root", "", 0, token),
                HasReason(Reason::kArgumentInvalid, HasSubstr("page token")))
        << token;
  }
}

TEST_F(AdminTest, ObjectsOnTheTokenAreShownToOperatorsAlone) {
  rig_.MakeKey("demo/app");
  rig_.device_.objects()->AddForeign({}, "somebody's");
  ASSERT_OK_AND_ASSIGN(auto objects, service().OfService(Rig::CallAs(
                                         "root", ops::kListTokenObjects)));
  EXPECT_EQ(objects.size(), 2u);
  // Rights on keys, by whatever label, are no right on the token.
  for (const char* who : {"app", "prod"}) {
    EXPECT_THAT(service().OfService(Rig::CallAs(who, ops::kListTokenObjects)),
                HasReason(Reason::kPermissionDenied));
  }
}

TEST_F(AdminTest, TheSigningKeyIsShownToOperatorsAloneAndStaysTheSame) {
  const auto call = Rig::CallAs("root", ops::kGetSigningKey);
  ASSERT_OK_AND_ASSIGN(const auto key, service().OfService(call));
  EXPECT_THAT(key.public_key,
              ::testing::StartsWith("-----BEGIN PUBLIC KEY-----"));
  ASSERT_OK_AND_ASSIGN(const auto again, service().OfService(call));
  EXPECT_EQ(again.public_key, key.public_key);
  EXPECT_EQ(again.key_id, key.key_id);
  for (const char* who : {"app", "prod"}) {
    EXPECT_THAT(service().OfService(Rig::CallAs(who, ops::kGetSigningKey)),
                HasReason(Reason::kPermissionDenied));
  }
}

TEST_F(AdminTest, StatusCountsKeysAndShowsTheDevice) {
  rig_.MakeKey("demo/app");
  rig_.MakeKey("demo/two");
  rig_.Rotate("demo/app");
  rig_.device_.SetUnhealthy("token removed");
  ASSERT_OK_AND_ASSIGN(
      model::ServiceStatus report,
      service().OfService(Rig::CallAs("root", ops::kGetStatus)));
  EXPECT_EQ(report.keys, 2u);
  EXPECT_EQ(report.key_versions, 3u);
  EXPECT_FALSE(report.hsm_healthy);
  EXPECT_EQ(report.hsm_detail, "token removed");
  EXPECT_EQ(report.profile, rig_.device_.info().profile);
}

TEST_F(AdminTest, AnybodyKnownMayAskWhoTheyAre) {
  ASSERT_OK_AND_ASSIGN(model::Identity app,
                       service().OfService(Rig::CallAs("app", ops::kWhoAmI)));
  EXPECT_EQ(app.caller, "cn:app");
  EXPECT_EQ(app.subject, "CN=app");
  EXPECT_THAT(app.grants, ElementsAre(HasSubstr("demo/**")));
  ASSERT_OK_AND_ASSIGN(model::Identity nobody, service().OfService(Rig::CallAs(
                                                   "nobody", ops::kWhoAmI)));
  EXPECT_THAT(nobody.grants, IsEmpty());
}

TEST_F(AdminTest, AChangeThatCannotBeRecordedSaysThatItMayHaveHappened) {
  rig_.MakeKey("demo/app");
  rig_.audit_.SetFailing(true);
  EXPECT_THAT(
      service().OfKey(Rig::CallAs("root", ops::kRotateKey), "demo/app"),
      HasReason(Reason::kAuditUnavailable, HasSubstr("may have been made")));
  EXPECT_EQ(rig_.keyring_->Current()->FindByName("demo/app")->primary, 2u);
}

TEST_F(AdminTest, ARefusalThatCannotBeRecordedSaysThatNothingWasChanged) {
  rig_.MakeKey("demo/app");
  rig_.audit_.SetFailing(true);
  auto nothing =
      HasReason(Reason::kAuditUnavailable, HasSubstr("nothing was changed"));
  auto root = Rig::CallAs("root", ops::kRotateKey);
  // Refused for who asks; for what is asked; by the keyring itself.
  EXPECT_THAT(
      service().OfKey(Rig::CallAs("nobody", ops::kRotateKey), "demo/app"),
      nothing);
  EXPECT_THAT(service().OfKey(root, "demo/none"), nothing);
  EXPECT_THAT(service().MoveVersion(Rig::CallAs("root", ops::kDisableVersion),
                                    "demo/app", 77, false),
              nothing);
  // Refused because the log is known to be broken.
  rig_.audit_.SetReady(false);
  EXPECT_THAT(service().OfKey(root, "demo/app"), nothing);
  EXPECT_EQ(rig_.keyring_->Current()->FindByName("demo/app")->primary, 1u);
}

TEST_F(AdminTest, NothingIsChangedWhileTheAuditLogCannotBeWritten) {
  rig_.MakeKey("demo/app");
  rig_.audit_.SetReady(false);
  EXPECT_THAT(
      service().OfKey(Rig::CallAs("root", ops::kRotateKey), "demo/app"),
      HasReason(Reason::kAuditUnavailable, HasSubstr("nothing was changed")));
  EXPECT_EQ(rig_.keyring_->Current()->FindByName("demo/app")->primary, 1u);
  // The refusal is recorded: that is how the log is found to be well again.
  EXPECT_EQ(rig_.audit_.last().record.outcome, "AUDIT_UNAVAILABLE");
  // Who may not rotate learns nothing of it, and views go on.
  EXPECT_THAT(
      service().OfKey(Rig::CallAs("nobody", ops::kRotateKey), "demo/app"),
      HasReason(Reason::kPermissionDenied));
  EXPECT_OK(service().OfKey(Rig::CallAs("root", ops::kGetKey), "demo/app"));
}

TEST_F(AdminTest, AFailureOfStoreOrDeviceIsAnsweredAndRecorded) {
  rig_.MakeKey("demo/app");
  rig_.device_.FailNext(FakeOperation::kCreateKek,
                        Error(Reason::kHsmUnavailable, "token gone"));
  EXPECT_THAT(service().OfKey(Rig::CallAs("root", ops::kRotateKey), "demo/app"),
              HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(rig_.audit_.last().record.outcome, "HSM_UNAVAILABLE");
  EXPECT_EQ(rig_.audit_.last().durability, audit::Durability::kDurable);
}

}  // namespace
}  // namespace strongroom::service
