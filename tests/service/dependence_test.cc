// What depends on a version, as the door sees it come and go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/service/raw_request.h"
#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DependenceTest : public ::testing::Test, protected Rig {
 protected:
  DependenceTest() {
    MakeKey("demo/a");
    MakeRequired("demo/r");
  }
  void MakeRequired(const std::string& name) {
    KeySettings settings;
    settings.registration = keyring::RegistrationRule::kRequired;
    EXPECT_OK(CreateKey(CallAs("root", ops::kCreateKey), name, settings));
  }
  model::VersionCensus Census(const std::string& name, uint32_t version) {
    auto census = OfKey(CallAs("root", ops::kGetCensus), name);
    EXPECT_OK(census);
    for (const model::VersionCensus& one : *census) {
      if (one.version == version) return one;
    }
    ADD_FAILURE() << "no v" << version;
    return {};
  }
  uint64_t Issued(const std::string& name, uint32_t version) {
    return Census(name, version).traces.issued;
  }
  StatusOr<model::MovedVersion> Destroy(const std::string& name,
                                        uint32_t version, bool acknowledged) {
    return MoveVersion(CallAs("root", ops::kScheduleDestroyVersion), name,
                       version, acknowledged);
  }
  Bytes Registered(const std::string& name) {
    SealCommand command = SealOf(name, {std::string(kDek)});
    command.registers = true;
    auto sealed = Seal(CallAs("root", ops::kWrap), std::move(command));
    EXPECT_OK(sealed);
    return TokenOf(sealed->items[0]);
  }
  StatusOr<RewrapResult> RewrapAll(const std::vector<Bytes>& tokens) {
    return Rewrap(CallAs("root", ops::kBatchRewrap), {"", tokens});
  }
  Status Report(const std::string& who, const std::string& key,
                const std::string& source,
                const std::vector<model::Claimed>& claimed) {
    const keyring::Key* found = keyring_->Current()->FindByName(key);
    return Ask(CallAs(who, ops::kReportDependence),
               {found == nullptr ? Uuid::Random().ToString()
                                 : found->id.ToString(),
                source, claimed})
        .status();
  }
};

TEST_F(DependenceTest, EveryWrapThatIsNotRegisteredIsCounted) {
  Wrapped("demo/a");
  Sealed(ops::kEncrypt, "demo/a", "data");
  SealCommand batch =
      SealOf("demo/a", {std::string(kDek), "short", std::string(kDek)});
  ASSERT_OK(Seal(CallAs("root", ops::kBatchWrap), std::move(batch)));
  SealCommand keys;
  keys.key_name = "demo/a";
  keys.items.resize(3);
  ASSERT_OK(Seal(CallAs("root", ops::kBatchGenerateDataKeys), std::move(keys)));
  EXPECT_EQ(Issued("demo/a", 1), 1u + 1 + 2 + 3) << "what failed is not given";
  Registered("demo/a");
  EXPECT_EQ(Issued("demo/a", 1), 7u);
  EXPECT_FALSE(Census("demo/a", 1).nothing_depends);
}

TEST_F(DependenceTest, OpeningIsSeenWhenItSucceeds) {
  const Bytes token = Wrapped("demo/a");
  EXPECT_FALSE(Census("demo/a", 1).traces.last_opened.has_value());
  Bytes forged = token;
  forged.back() ^= 1;
  ASSERT_FALSE(Open(CallAs("root", ops::kUnwrap), OpenOf({forged})).ok());
  EXPECT_FALSE(Census("demo/a", 1).traces.last_opened.has_value());
  clock_.Advance(std::chrono::seconds(9));
  ASSERT_OK(Open(CallAs("root", ops::kUnwrap), OpenOf({token})));
  EXPECT_EQ(Census("demo/a", 1).traces.last_opened, clock_.Now());
}

TEST_F(DependenceTest, ARewrapGivesOutAWrapOfTheNewVersion) {
  const Bytes token = Wrapped("demo/a");
  const Bytes data = Sealed(ops::kEncrypt, "demo/a", "data");
  Rotate("demo/a");
  ASSERT_OK(RewrapAll({token, data}));
  EXPECT_EQ(Issued("demo/a", 1), 2u);
  EXPECT_EQ(Issued("demo/a", 2), 2u);
  EXPECT_EQ(Census("demo/a", 1).traces.last_opened, clock_.Now());
  const auto again = RewrapAll({Wrapped("demo/a")});
  ASSERT_OK(again);
  EXPECT_EQ(Issued("demo/a", 2), 3u) << "at the primary nothing new is made";
}

TEST_F(DependenceTest, TwoTokenOperationsMoveAllThatShareAHeader) {
  std::vector<Bytes> tokens;
  for (int batch = 0; batch < 2; ++batch) {
    auto sealed =
        Seal(CallAs("root", ops::kBatchWrap),
             SealOf("demo/a", std::vector<std::string>(5, std::string(kDek))));
    ASSERT_OK(sealed);
    for (const SealedItem& item : sealed->items)
      tokens.push_back(TokenOf(item));
  }
  // A header alone goes with those that have leaves.
  tokens.push_back(ToBytes(ByteView(tokens[0]).first(102)));
  Rotate("demo/a");
  const uint64_t before = engine_->Stats().token_operations;
  ASSERT_OK_AND_ASSIGN(RewrapResult moved, RewrapAll(tokens));
  EXPECT_EQ(engine_->Stats().token_operations - before, 4u);
  for (const RewrappedItem& item : moved.items) {
    ASSERT_OK(item.status);
    EXPECT_EQ(item.key_version, 2u);
  }
  EXPECT_EQ(moved.items.back().token.size(), 102u);
}

TEST_F(DependenceTest, AHeaderIsRewrappedByWhoMayRewrapAndNobodyElse) {
  const Bytes token = Wrapped("demo/a");
  Rotate("demo/a");
  const Bytes header = ToBytes(ByteView(token).first(102));
  policy_.Replace(ParsedPolicy(R"(version: 1
rules:
  - {name: mover, who: ["cn:mover"], may: [rewrap], keys: ["demo/**"]}
  - {name: user, who: ["cn:user"], may: [wrap, unwrap], keys: ["demo/**"]}
)"));
  EXPECT_OK(Rewrap(CallAs("mover", ops::kRewrap), {"", {header}}));
  EXPECT_THAT(Rewrap(CallAs("user", ops::kRewrap), {"", {header}}),
              HasReason(Reason::kPermissionDenied));
  EXPECT_THAT(Open(CallAs("mover", ops::kUnwrap), OpenOf({token})),
              HasReason(Reason::kPermissionDenied));
}

TEST_F(DependenceTest, OfAKeyThatDemandsRegistrationNothingElseIsHeld) {
  const Bytes token = Registered("demo/r");
  Rotate("demo/r");
  ASSERT_OK(RewrapAll({token}));
  EXPECT_EQ(Issued("demo/r", 2), 0u);
  EXPECT_FALSE(Census("demo/r", 1).nothing_depends) << "it is registered there";
  auto job =
      jobs_->Start(keyring_->Current()->FindByName("demo/r")->id, {}, "");
  ASSERT_OK(job);
  while (jobs_->Get(job->row.key_id, job->row.id)->row.state !=
         registry::JobState::kDone) {
    clock_.Advance(jobs_->RunDue());
  }
  EXPECT_TRUE(Census("demo/r", 1).nothing_depends);
  EXPECT_FALSE(Census("demo/r", 2).nothing_depends);
  EXPECT_OK(Destroy("demo/r", 1, false));
}

TEST_F(DependenceTest, ADestructionSaysWhatWasSeen) {
  Wrapped("demo/a");
  Rotate("demo/a");
  EXPECT_THAT(Destroy("demo/a", 1, false),
              HasReason(Reason::kUnregisteredWraps, HasSubstr("1 wraps")));
  ASSERT_OK_AND_ASSIGN(model::MovedVersion view, Destroy("demo/a", 1, true));
  ASSERT_TRUE(view.version.traces.has_value());
  EXPECT_EQ(view.version.traces->issued, 1u);
  EXPECT_EQ(audit_.last().record.detail, "unregistered acknowledged");
  EXPECT_THAT(MoveVersion(CallAs("root", ops::kCancelDestroyVersion), "demo/a",
                          1, true),
              HasReason(Reason::kArgumentInvalid));
}

TEST_F(DependenceTest, TheUseOfAKeyIsToldByVersion) {
  const Bytes token = Wrapped("demo/a");
  Wrapped("demo/a");
  Rotate("demo/a");
  Rotate("demo/a");
  ASSERT_OK(Destroy("demo/a", 2, false));
  ASSERT_OK(Open(CallAs("root", ops::kUnwrap), OpenOf({token})));
  v1::GetKeyUsageRequest request;
  request.set_name("demo/a");
  v1::KeyUsage usage;
  ASSERT_OK(AskRow("GetKeyUsage", "root", request, &usage));
  ASSERT_EQ(usage.versions_size(), 3);
  const v1::KeyVersion& first = usage.versions(0);
  EXPECT_EQ(first.version(), 1u);
  EXPECT_GE(first.seals(), 2u);
  EXPECT_EQ(first.traces().unregistered_wraps(), 2u);
  EXPECT_TRUE(first.traces().has_last_unwrap_time());
  EXPECT_EQ(usage.versions(1).state(), v1::DESTROY_SCHEDULED);
  EXPECT_EQ(usage.versions(2).version(), 3u);
  EXPECT_TRUE(usage.versions(2).primary());
  EXPECT_EQ(usage.versions(2).traces().unregistered_wraps(), 0u);
  EXPECT_FALSE(usage.versions(2).traces().has_last_unwrap_time());
  clock_.Advance(std::chrono::hours(31 * 24));
  for (int i = 0; i < 5; ++i) clock_.Advance(std::chrono::seconds(1));
  (void)keyring_->RunDue();
  ASSERT_OK(AskRow("GetKeyUsage", "root", request, &usage));
  ASSERT_EQ(usage.versions_size(), 2) << "one is destroyed";
  EXPECT_EQ(usage.versions(1).version(), 3u);
}

TEST_F(DependenceTest, AWrapThatCannotBeCountedIsNotGiven) {
  store_.FailUpdate(1, Error(Reason::kStoreFull, "full"));
  EXPECT_THAT(
      Seal(CallAs("root", ops::kWrap), SealOf("demo/a", {std::string(kDek)})),
      HasReason(Reason::kStoreFull));
  EXPECT_EQ(Issued("demo/a", 1), 0u);
}

TEST_F(DependenceTest, AReportIsShownAsItsCallersClaim) {
  ASSERT_OK(Report("app", "demo/a", "host:/data", {{1, 40}}));
  const model::VersionCensus shown = Census("demo/a", 1);
  ASSERT_THAT(shown.claims, SizeIs(1));
  EXPECT_EQ(shown.claims[0].caller, "cn:app");
  EXPECT_EQ(shown.claims[0].source, "host:/data");
  EXPECT_EQ(shown.claims[0].objects, 40u);
  EXPECT_EQ(shown.claims[0].reported, clock_.Now());
  EXPECT_EQ(shown.traces.issued, 0u) << "a claim is nothing but that";
  Rotate("demo/a");
  ASSERT_OK(Report("app", "demo/a", "host:/data", {{2, 3}}));
  EXPECT_THAT(Census("demo/a", 1).claims, IsEmpty());
  EXPECT_THAT(Census("demo/a", 2).claims, SizeIs(1));
  ASSERT_OK(Report("root", "demo/a", "host:/data", {}));
  EXPECT_THAT(Census("demo/a", 2).claims, SizeIs(1)) << "each has its own";
  ASSERT_OK(Report("app", "demo/a", "host:/data", {}));
  EXPECT_THAT(Census("demo/a", 2).claims, IsEmpty());
}

TEST_F(DependenceTest, AReportOnAKeyThatIsNotOnesOwnTellsNothing) {
  const Status forbidden = Report("other", "demo/a", "x", {{1, 1}});
  const Status unknown = Report("other", "no/such", "x", {{1, 1}});
  EXPECT_THAT(forbidden, HasReason(Reason::kPermissionDenied));
  EXPECT_EQ(forbidden, unknown);
  EXPECT_THAT(Report("nobody", "demo/a", "x", {{1, 1}}),
              HasReason(Reason::kPermissionDenied));
  EXPECT_THAT(Report("root", "no/such", "x", {{1, 1}}),
              HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(Census("demo/a", 1).claims, IsEmpty());
}

TEST_F(DependenceTest, BadReportsAreRefusedWhole) {
  const auto refused = [&](const std::string& source,
                           const std::vector<model::Claimed>& claimed,
                           Reason reason) {
    EXPECT_THAT(Report("app", "demo/a", source, claimed), HasReason(reason));
    EXPECT_THAT(Census("demo/a", 1).claims, IsEmpty());
  };
  refused("", {{1, 1}}, Reason::kArgumentInvalid);
  refused(std::string(257, 'x'), {{1, 1}}, Reason::kArgumentInvalid);
  refused("\xff", {{1, 1}}, Reason::kArgumentInvalid);
  refused("x", {{1, 1}, {1, 2}}, Reason::kArgumentInvalid);
  refused("x", {{1, 1}, {2, 1}}, Reason::kVersionNotFound);
  refused("x", {{0, 1}}, Reason::kVersionNotFound);
  refused("x", {{1, registry::kMaxClaimedObjects + 1}},
          Reason::kArgumentInvalid);
}

TEST_F(DependenceTest, ACallersReportsAreBounded) {
  for (size_t i = 0; i < registry::kMaxSourcesOfCaller; ++i) {
    ASSERT_OK(Report("app", "demo/a", "s" + std::to_string(i), {{1, 1}}));
  }
  EXPECT_THAT(Report("app", "demo/a", "one more", {{1, 1}}),
              HasReason(Reason::kArgumentInvalid, HasSubstr("16")));
  EXPECT_OK(Report("app", "demo/a", "s3", {{1, 2}}));
  EXPECT_OK(Report("root", "demo/a", "one more", {{1, 1}}));
  EXPECT_OK(Report("app", "demo/a", "s4", {}));
  EXPECT_OK(Report("app", "demo/a", "one more", {{1, 1}}));
}

}  // namespace
}  // namespace strongroom::service
