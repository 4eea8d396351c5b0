// Every row in every situation: who may not, what is not there, what is too
// late. Rows come from the table, requests from the messages: a new RPC is
// tested here without a line.
//
// A row that forgets to ask the policy does not get far: its handler wants a
// permit, and there is none. Tried by hand: with `.resolve = CallerAlone` in
// the row of GetStatus, that row fails WithoutARuleItIsDeniedAndRecorded (it is
// INTERNAL), and with another row's action OnlyItsOwnActionPermitsIt fails by
// the table in docs/operations.md.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>

#include "tests/service/raw_request.h"
#include "tests/service/rig.h"
#include "tests/testing/paths.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::Describe;
using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNoJob[] = "00000000-0000-4000-8000-000000000000";

// The rows that need no rule, and show a caller nothing of others. No row is
// added here without a thought.
bool NeedsRule(const OperationSpec& spec) {
  return spec.rpc != "ListKeys" && spec.rpc != "WhoAmI";
}

// ActionInDocument is the action that docs/operations.md says the RPC needs.
std::string ActionInDocument(std::string_view rpc) {
  std::ifstream file(testing::SourcePath("docs/operations.md"));
  const std::regex row(R"(\| `([a-z-]+)` \| ([A-Za-z, ]+) \|)");
  std::string line;
  while (std::getline(file, line)) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    const std::string rpcs = ", " + match[2].str() + ",";
    if (rpcs.find(", " + std::string(rpc) + ",") != std::string::npos) {
      return match[1];
    }
  }
  return "";
}

class MatrixTest : public ::testing::TestWithParam<const Row*> {
 protected:
  MatrixTest() {
    rig_.MakeKey("demo/app");
    tokens_["demo/app"] = MakeToken("demo/app");
    dek_ = RegisterDek("demo/app");
  }

  const OperationSpec& spec() const { return *GetParam()->spec; }
  // NamesKey: the request has a key's name in it.
  bool NamesKey() const {
    const auto& type = *MethodOf(spec()).input_type();
    const auto* key = type.FindFieldByName("key");
    return type.FindFieldByName("name") != nullptr ||
           (key != nullptr &&
            key->message_type()->FindFieldByName("name") != nullptr);
  }
  bool Creates() const { return spec().action == auth::Action::kCreateKey; }

  Bytes MakeToken(const std::string& key) {
    const bool data = spec().action == auth::Action::kDecrypt;
    return rig_.Sealed(data ? ops::kEncrypt : ops::kWrap, key, Rig::kDek);
  }

  // Ask sends a well-formed request about `key`.
  Status Ask(const std::string& who, const std::string& key) {
    return Send(Rig::CallAs(who), key);
  }
  Status Send(Call call, const std::string& key) {
    const auto& method = MethodOf(spec());
    MessagePtr request = NewMessage(*method.input_type());
    const std::string token(AsText(TokenFor(key)));
    const std::string secret(Rig::kDek);
    Fill({{"name", key},
          {"key", ""},
          {"update_mask", ""},
          {"paths", "rewrap_on_rotation"},
          {"version", "1"},
          {"count", "1"},
          {"items", ""},
          {"plaintext", secret},
          {"dek", secret},
          {"wrapped_dek", token},
          {"ciphertext", token},
          {"token", token},
          {"tokens", token},
          {"dek_id", dek_},
          {"job_id", kNoJob},
          {"key_id", IdOf(key)},
          {"source", "host:/"}},
         request.get());
    return SendBytes(std::move(call), request->SerializeAsString());
  }
  Status SendBytes(Call call, const std::string& request) {
    Bytes bytes = ToBytes(AsBytes(request));
    const MutableByteView piece(bytes);
    std::promise<StatusOr<RawAnswer>> promise;
    rig_.service_->Serve(*GetParam(), std::move(call), RawRequest(&piece, 1),
                         [&promise](StatusOr<RawAnswer> answer) {
                           promise.set_value(std::move(answer));
                         });
    StatusOr<RawAnswer> answer = promise.get_future().get();
    EXPECT_EQ(bytes, Bytes(bytes.size())) << "the request is not wiped";
    SR_RETURN_IF_ERROR(answer.status());
    MessagePtr message = NewMessage(*MethodOf(spec()).output_type());
    EXPECT_TRUE(message->ParseFromArray(
        answer->message.data(), static_cast<int>(answer->message.size())));
    return FirstItemOf(*message);
  }

  Bytes TokenFor(const std::string& key) {
    auto it = tokens_.find(key);
    return it == tokens_.end() ? Rig::OfUnknownKey(tokens_["demo/app"])
                               : it->second;
  }
  // Of a key that nobody knows, if the name is unknown.
  std::string IdOf(const std::string& key) {
    const keyring::Key* found = rig_.keyring_->Current()->FindByName(key);
    return (found == nullptr ? Uuid::Random() : found->id).ToString();
  }
  std::string RegisterDek(const std::string& key) {
    return rig_.RegisteredBatch(key, 1).items[0].id->ToString();
  }

  // ExpectRecorded: the request was recorded once, under its name, with this.
  void ExpectRecorded(int before, std::string_view outcome) {
    EXPECT_EQ(rig_.audit_.attempts(), before + 1);
    const audit::Record record = rig_.audit_.last().record;
    EXPECT_EQ(record.operation, spec().rpc);
    EXPECT_EQ(record.outcome, outcome) << record.detail;
    EXPECT_EQ(record.request_id, "request-1");
    EXPECT_EQ(record.peer, "10.0.0.1:5000");
    EXPECT_EQ(record.door, Rig::kDoor);
  }

  Rig rig_;
  std::map<std::string, Bytes> tokens_;
  std::string dek_;
};

INSTANTIATE_TEST_SUITE_P(All, MatrixTest, ::testing::ValuesIn(AllRows()),
                         [](const auto& instance) {
                           return std::string(instance.param->spec->rpc);
                         });

// Holds the makers of requests above to the messages as they grow.
TEST_P(MatrixTest, AWellFormedRequestIsNotRefusedForItsForm) {
  const Status status = Ask("root", Creates() ? "demo/new" : "demo/app");
  EXPECT_NE(status.code(), StatusCode::kInvalidArgument) << Describe(status);
  EXPECT_NE(status.code(), StatusCode::kInternal) << Describe(status);
}

TEST_P(MatrixTest, WithoutACallerItIsRefusedAndRecorded) {
  int before = rig_.audit_.attempts();
  EXPECT_THAT(Ask("", "demo/app"), HasReason(Reason::kUnauthenticated));
  ExpectRecorded(before, "UNAUTHENTICATED");
  EXPECT_EQ(rig_.audit_.last().record.caller, "");
}

TEST_P(MatrixTest, WithoutARuleItIsDeniedAndRecorded) {
  int before = rig_.audit_.attempts();
  if (NeedsRule(spec())) {
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
  if (!NeedsRule(spec())) return;  // it is no refusal
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
  if (Creates()) {
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
  Call call = Rig::CallAs("root");
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
  // Nobody is asked who they are any more.
  EXPECT_EQ(rig_.audit_.last().record.caller, "");
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
  if (!Creates()) {
    Status status = Ask("root", "demo/app");
    EXPECT_NE(ReasonOf(status.ok() ? Error(Reason::kCancelled, "") : status),
              Reason::kAuditUnavailable);
  }
}

TEST_P(MatrixTest, OnlyItsOwnActionPermitsIt) {
  if (!NeedsRule(spec())) return;
  const std::string own = ActionInDocument(spec().rpc);
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

TEST_P(MatrixTest, BytesThatAreNoMessageAreRecordedAndRefused) {
  int before = rig_.audit_.attempts();
  EXPECT_THAT(SendBytes(Rig::CallAs("app"), "\xff\xff\xff"),
              HasReason(Reason::kMalformed));
  ExpectRecorded(before, "MALFORMED");
  EXPECT_THAT(SendBytes(Rig::CallAs(""), "\xff\xff\xff"),
              HasReason(Reason::kUnauthenticated));
  ExpectRecorded(before + 1, "UNAUTHENTICATED");
}

TEST_P(MatrixTest, ARequestOverItsLimitIsRecordedAndRefused) {
  int before = rig_.audit_.attempts();
  EXPECT_THAT(SendBytes(Rig::CallAs("root"),
                        std::string(spec().max_request_bytes() + 1, 'x')),
              HasReason(Reason::kRequestTooLarge));
  ExpectRecorded(before, "REQUEST_TOO_LARGE");
}

TEST_P(MatrixTest, ADoorsOwnRefusalIsRecorded) {
  Status why = Error(Reason::kQueueFull, "no worker is free");
  int before = rig_.audit_.attempts();
  EXPECT_EQ(rig_.service_->Refuse(*GetParam(), Rig::CallAs("app"), why), why);
  ExpectRecorded(before, "QUEUE_FULL");
  EXPECT_THAT(rig_.service_->Refuse(*GetParam(), Rig::CallAs(""), why),
              HasReason(Reason::kUnauthenticated));
  ExpectRecorded(before + 1, "UNAUTHENTICATED");
}

}  // namespace
}  // namespace strongroom::service
