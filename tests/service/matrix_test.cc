// Every operation in every situation, generated from the table: who may not,
// what is not there, what is too late.
#include <gtest/gtest.h>

#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::Describe;
using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<Operation> Operations() {
  std::vector<Operation> operations;
  for (const OperationSpec& spec : AllOperations()) {
    operations.push_back(spec.operation);
  }
  return operations;
}

keyring::KeyChange Relabelled() {
  keyring::KeyChange change;
  change.labels = Labels{{"team", "cards"}};
  return change;
}

DekQuery QueryOf(const std::string& key) {
  DekQuery query;
  query.key_name = key;
  return query;
}

bool IsSeal(const OperationSpec& spec) {
  return spec.action == auth::Action::kEncrypt ||
         spec.action == auth::Action::kWrap ||
         spec.action == auth::Action::kGenerateDataKey;
}

constexpr char kNoJob[] = "00000000-0000-4000-8000-000000000000";

class MatrixTest : public ::testing::TestWithParam<Operation> {
 protected:
  MatrixTest() {
    rig_.MakeKey("demo/app");
    tokens_["demo/app"] = MakeToken("demo/app");
    dek_ = RegisterDek("demo/app");
  }

  const OperationSpec& spec() const { return SpecOf(GetParam()); }
  // Operations on no key need no key's rights.
  bool NamesKey() const {
    return GetParam() != Operation::kListKeys &&
           GetParam() != Operation::kReportDependence &&  // it has its id
           GetParam() != Operation::kListTokenObjects &&
           GetParam() != Operation::kGetSigningKey &&
           GetParam() != Operation::kGetStatus &&
           GetParam() != Operation::kWhoAmI;
  }
  bool NeedsRule() const {
    return GetParam() != Operation::kListKeys &&
           GetParam() != Operation::kWhoAmI;
  }

  Bytes MakeToken(const std::string& key) {
    bool data = spec().action == auth::Action::kDecrypt;
    return rig_.Sealed(data ? Operation::kEncrypt : Operation::kWrap, key,
                       Rig::kDek);
  }

  // Ask sends a well-formed request about `key`.
  Status Ask(const std::string& who, const std::string& key) {
    return Send(Rig::CallAs(who, GetParam()), key);
  }
  Status Send(Call call, const std::string& key) {
    if (IsSeal(spec())) return AskSeal(std::move(call), key);
    switch (spec().action) {
      case auth::Action::kDecrypt:
      case auth::Action::kUnwrap:
        return FirstOf(
            rig_.Open(std::move(call), Rig::OpenOf({TokenFor(key)}, key)));
      case auth::Action::kRewrap:
        return FirstOf(rig_.Rewrap(std::move(call), {key, {TokenFor(key)}}));
      default:
        return AskAdmin(std::move(call), key);
    }
  }

  Bytes TokenFor(const std::string& key) {
    auto it = tokens_.find(key);
    return it == tokens_.end() ? Rig::OfUnknownKey(tokens_["demo/app"])
                               : it->second;
  }

  template <typename Result>
  static Status FirstOf(const StatusOr<Result>& result) {
    return result.ok() ? result->items[0].status : result.status();
  }

  Status AskSeal(Call call, const std::string& key) {
    SealCommand command = Rig::SealOf(key, {std::string(Rig::kDek)});
    return FirstOf(rig_.Seal(std::move(call), std::move(command)));
  }

  Status AskAdmin(Call call, const std::string& key) {
    KeyService& service = *rig_.service_;
    switch (GetParam()) {
      case Operation::kCreateKey:
        return service.CreateKey(call, key, {}).status();
      case Operation::kGetKey:
        return service.GetKey(call, key).status();
      case Operation::kListKeys:
        return service.ListKeys(call, "", 0, "").status();
      case Operation::kUpdateKey:
        return service.UpdateKey(call, key, Relabelled()).status();
      case Operation::kRotateKey:
        return service.RotateKey(call, key).status();
      case Operation::kListDeks:
        return service.ListDeks(call, QueryOf(key)).status();
      case Operation::kGetDek:
        return service.GetDek(call, key, dek_).status();
      case Operation::kDeleteDek:
      case Operation::kShredDek:
        return service.RemoveDek(call, key, dek_);
      case Operation::kStartRewrap:
        return service.StartRewrap(call, key, {}).status();
      case Operation::kGetJob:
        return service.GetJob(call, key, kNoJob).status();
      case Operation::kListJobs:
        return service.ListJobs(call, key).status();
      case Operation::kGetJobReport:
        return service.GetJobReport(call, key, kNoJob).status();
      case Operation::kPauseJob:
      case Operation::kResumeJob:
      case Operation::kCancelJob:
        return service.MoveJob(call, key, kNoJob).status();
      case Operation::kGetCensus:
        return service.GetCensus(call, key).status();
      case Operation::kReportDependence:
        return service.ReportDependence(call, {IdOf(key), "host:/", {}});
      case Operation::kListTokenObjects:
        return service.ListTokenObjects(call).status();
      case Operation::kGetSigningKey:
        return service.GetSigningKey(call).status();
      case Operation::kGetStatus:
        return service.GetStatus(call).status();
      case Operation::kWhoAmI:
        return service.WhoAmI(call).status();
      default:
        return service.MoveVersion(call, key, 1, false).status();
    }
  }

  // Of a key that nobody knows, if the name is unknown.
  std::string IdOf(const std::string& key) {
    const keyring::Key* found = rig_.keyring_->Current()->FindByName(key);
    return (found == nullptr ? Uuid::Random() : found->id).ToString();
  }
  std::string RegisterDek(const std::string& key) {
    SealCommand command = Rig::SealOf(key, {std::string(Rig::kDek)});
    command.registers = true;
    auto sealed =
        rig_.Seal(Rig::CallAs("root", Operation::kWrap), std::move(command));
    EXPECT_OK(sealed);
    return sealed->items[0].id->ToString();
  }

  // LastRecordIs: the request was recorded once, under its name, with this.
  void ExpectRecorded(int before, std::string_view outcome) {
    EXPECT_EQ(rig_.audit_.attempts(), before + 1);
    const audit::Record record = rig_.audit_.last().record;
    EXPECT_EQ(record.operation, spec().rpc);
    EXPECT_EQ(record.outcome, outcome) << record.detail;
    EXPECT_EQ(record.request_id, "request-1");
    EXPECT_EQ(record.peer, "10.0.0.1:5000");
  }

  Rig rig_;
  std::map<std::string, Bytes> tokens_;
  std::string dek_;
};

INSTANTIATE_TEST_SUITE_P(All, MatrixTest, ::testing::ValuesIn(Operations()),
                         [](const auto& instance) {
                           return std::string(SpecOf(instance.param).rpc);
                         });

TEST_P(MatrixTest, WithoutACallerItIsRefusedAndRecorded) {
  int before = rig_.audit_.attempts();
  EXPECT_THAT(Ask("", "demo/app"), HasReason(Reason::kUnauthenticated));
  ExpectRecorded(before, "UNAUTHENTICATED");
  EXPECT_EQ(rig_.audit_.last().record.caller, "");
}

TEST_P(MatrixTest, WithoutARuleItIsDeniedAndRecorded) {
  int before = rig_.audit_.attempts();
  if (NeedsRule()) {
    EXPECT_THAT(Ask("nobody", "demo/app"),
                HasReason(Reason::kPermissionDenied, HasSubstr("cn:nobody")));
    ExpectRecorded(before, "PERMISSION_DENIED");
  } else {
    EXPECT_OK(Ask("nobody", "demo/app"));
    ExpectRecorded(before, "OK");
  }
  EXPECT_EQ(rig_.audit_.last().record.caller, "cn:nobody");
}

TEST_P(MatrixTest, ARefusalChangesNothing) {
  if (!NeedsRule()) return;  // it is no refusal
  uint64_t seq = rig_.keyring_->Current()->change_seq();
  int updates = rig_.store_.updates();
  EXPECT_THAT(Ask("nobody", "demo/app"), Not(testing::IsOk()));
  EXPECT_THAT(Ask("", "demo/app"), Not(testing::IsOk()));
  EXPECT_EQ(rig_.keyring_->Current()->change_seq(), seq);
  EXPECT_EQ(rig_.store_.updates(), updates);
}

TEST_P(MatrixTest, ToTheForbiddenAKeyLooksTheSameBeforeAndAfterItsCreation) {
  if (!NamesKey()) return;
  Status before = Ask("nobody", "demo/late");
  Status other_before = Ask("other", "demo/late");
  rig_.MakeKey("demo/late");
  tokens_["demo/late"] = MakeToken("demo/late");
  EXPECT_EQ(Ask("nobody", "demo/late"), before);
  EXPECT_EQ(Ask("other", "demo/late"), other_before);
}

TEST_P(MatrixTest, WhoMayIsToldThatAKeyDoesNotExist) {
  if (!NamesKey()) return;
  if (GetParam() == Operation::kCreateKey) {
    EXPECT_OK(Ask("root", "demo/new"));
    EXPECT_THAT(Ask("root", "demo/new"), HasReason(Reason::kKeyExists));
    return;
  }
  int before = rig_.audit_.attempts();
  EXPECT_THAT(Ask("root", "demo/none"),
              HasReason(Reason::kKeyNotFound, HasSubstr("demo/none")));
  ExpectRecorded(before, "KEY_NOT_FOUND");
}

TEST_P(MatrixTest, ANameOutsideTheGrammarIsRefusedAndRecorded) {
  if (!NamesKey()) return;
  int before = rig_.audit_.attempts();
  for (const char* who : {"root", "nobody"}) {
    EXPECT_THAT(Ask(who, "Demo App"), HasReason(Reason::kNameInvalid));
  }
  EXPECT_EQ(rig_.audit_.attempts(), before + 2);
  EXPECT_EQ(rig_.audit_.last().record.key, "Demo App");
}

TEST_P(MatrixTest, AnExpiredDeadlineIsRefusedAtOnce) {
  int before = rig_.audit_.attempts();
  uint64_t calls = rig_.device_.count(testing::FakeOperation::kSeal);
  Call call = Rig::CallAs("root", GetParam());
  call.deadline = rig_.clock_.Steady();
  EXPECT_THAT(Send(std::move(call), "demo/app"),
              HasReason(Reason::kDeadlineExceeded));
  ExpectRecorded(before, "DEADLINE_EXCEEDED");
  EXPECT_EQ(rig_.device_.count(testing::FakeOperation::kSeal), calls);
}

TEST_P(MatrixTest, AfterDrainItIsRefusedWithADelay) {
  ASSERT_TRUE(
      rig_.service_->Drain(rig_.clock_.Steady() + std::chrono::seconds(60)));
  int before = rig_.audit_.attempts();
  Status status = Ask("root", "demo/app");
  EXPECT_THAT(status, HasReason(Reason::kDraining));
  EXPECT_TRUE(RetryAfterOf(status).has_value());
  ExpectRecorded(before, "DRAINING");
}

TEST_P(MatrixTest, WhatCannotBeRecordedIsNotAnswered) {
  rig_.audit_.SetFailing(true);
  for (const char* who : {"root", "nobody", ""}) {
    Status status = Ask(who, "demo/app");
    EXPECT_THAT(status,
                HasReason(Reason::kAuditUnavailable, Not(HasSubstr("secret"))))
        << who;
    EXPECT_TRUE(RetryAfterOf(status).has_value());
  }
  rig_.audit_.SetFailing(false);
  if (GetParam() != Operation::kCreateKey) {
    Status status = Ask("root", "demo/app");
    EXPECT_NE(ReasonOf(status.ok() ? Error(Reason::kCancelled, "") : status),
              Reason::kAuditUnavailable);
  }
}

TEST_P(MatrixTest, OnlyItsOwnActionPermitsIt) {
  if (!NeedsRule()) return;
  const std::string own(auth::ActionName(spec().action));
#define STRONGROOM_X(enumerator, name, group)                            \
  {                                                                      \
    rig_.policy_.Replace(ParsedPolicy(                                   \
        "version: 1\nrules:\n- {name: r, who: [\"cn:app\"], may: [" name \
        "], keys: [\"**\"]}\n"));                                        \
    Status status = Ask("app", "demo/app");                              \
    bool denied =                                                        \
        !status.ok() && ReasonOf(status) == Reason::kPermissionDenied;   \
    EXPECT_EQ(denied, own != name) << name << ": " << Describe(status);  \
  }
  STRONGROOM_ACTIONS(STRONGROOM_X)
#undef STRONGROOM_X
}

TEST_P(MatrixTest, ItsRecordIsDurableIfAndOnlyIfItMayHaveChangedSomething) {
  bool admin = spec().operation_class == OperationClass::kAdmin;
  (void)Ask("root", "demo/app");
  EXPECT_EQ(rig_.audit_.last().durability == audit::Durability::kDurable,
            admin);
  (void)Ask("", "demo/app");
  EXPECT_EQ(rig_.audit_.last().durability, audit::Durability::kWritten);
}

TEST_P(MatrixTest, AnUnparsableRequestIsRecordedAndRefused) {
  Status why = Error(Reason::kMalformed, "not a protobuf message");
  int before = rig_.audit_.attempts();
  EXPECT_EQ(rig_.service_->Refuse(Rig::CallAs("app", GetParam()), why), why);
  ExpectRecorded(before, "MALFORMED");
  EXPECT_THAT(rig_.service_->Refuse(Rig::CallAs("", GetParam()), why),
              HasReason(Reason::kUnauthenticated));
  ExpectRecorded(before + 1, "UNAUTHENTICATED");
}

TEST_P(MatrixTest, NoMethodServesAnotherOperation) {
  // An edge that mixes methods up must not turn one right into another.
  KeyService& service = *rig_.service_;
  Call call = Rig::CallAs("root", GetParam());
  const OperationSpec& row = spec();
  auto expect = [](bool own, const Status& status) {
    bool wrong = !status.ok() && ReasonOf(status) == Reason::kInternal;
    EXPECT_EQ(wrong, !own) << Describe(status);
  };
  auto is = [](Operation operation) { return GetParam() == operation; };
  expect(is(Operation::kReportDependence),
         service.ReportDependence(call, {IdOf("demo/app"), "host:/", {}}));
  expect(is(Operation::kGetKey), service.GetKey(call, "demo/app").status());
  expect(is(Operation::kListKeys), service.ListKeys(call, "", 0, "").status());
  expect(is(Operation::kWhoAmI), service.WhoAmI(call).status());
  expect(is(Operation::kGetStatus), service.GetStatus(call).status());
  expect(is(Operation::kGetSigningKey), service.GetSigningKey(call).status());
  expect(is(Operation::kListTokenObjects),
         service.ListTokenObjects(call).status());
  expect(is(Operation::kRotateKey),
         service.RotateKey(call, "demo/app").status());
  expect(is(Operation::kUpdateKey),
         service.UpdateKey(call, "demo/app", Relabelled()).status());
  expect(is(Operation::kCreateKey),
         service.CreateKey(call, "demo/b", {}).status());
  expect(row.operation_class == OperationClass::kAdmin &&
             row.rpc.find("Version") != std::string_view::npos,
         service.MoveVersion(call, "demo/app", 1, false).status());
  expect(IsSeal(row), AskSeal(call, "demo/app"));
  expect(row.action == auth::Action::kDecrypt ||
             row.action == auth::Action::kUnwrap,
         FirstOf(rig_.Open(call, Rig::OpenOf({TokenFor("demo/app")}))));
  expect(row.action == auth::Action::kRewrap,
         FirstOf(rig_.Rewrap(call, {"", {TokenFor("demo/app")}})));
}

}  // namespace
}  // namespace strongroom::service
