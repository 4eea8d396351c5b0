#include "strongroom/auth/policy.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/testing/status_matchers.h"

namespace strongroom::auth {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPolicy[] = R"(version: 1
rules:
  - name: payments application
    who: ["uri:spiffe://bank/payments", "cn:payments-app"]
    may: [wrap, unwrap]
    keys: ["payments/**"]
  - name: production operators
    who: ["cn:operator"]
    may: [manage, view]
    keys: ["**"]
    labels: {env: prod}
  - name: observers
    who: ["cn:observer", "cn:payments-app"]
    may: [observe]
    keys: ["**"]
)";

Caller Named(const std::string& common_name) {
  PeerCertificate peer;
  peer.verified = true;
  peer.common_name = common_name;
  return *Authenticator().Authenticate(peer);
}

std::shared_ptr<const Policy> Parsed(std::string_view yaml) {
  auto policy = Policy::Parse(yaml, "policy.yaml");
  EXPECT_OK(policy);
  return policy.ok() ? *policy : nullptr;
}

// WithRule is a policy whose one rule has `field` in place of a good one.
std::string WithRule(const std::string& field, const std::string& value) {
  std::map<std::string, std::string> fields = {{"name", "one"},
                                               {"who", "[\"cn:a\"]"},
                                               {"may", "[wrap]"},
                                               {"keys", "[\"**\"]"}};
  fields[field] = value;
  std::string yaml = "version: 1\nrules:\n  -";
  const char* indent = " ";
  for (const auto& [key, text] : fields) {
    if (text.empty()) continue;
    yaml += indent + key + ": " + text + "\n";
    indent = "    ";
  }
  return yaml;
}

TEST(PolicyTest, ARulePermitsItsCallersItsActionsOnItsKeys) {
  auto policy = Parsed(kPolicy);
  ASSERT_OK_AND_ASSIGN(Permit permit,
                       policy->Check(Named("payments-app"), Action::kWrap,
                                     {.name = "payments/cards"}));
  EXPECT_EQ(permit.action(), Action::kWrap);
  EXPECT_EQ(permit.caller().id(), "cn:payments-app");
  EXPECT_EQ(permit.key_name(), "payments/cards");
}

std::string WithLimits(const std::string& limits) {
  return WithRule("name", "one") + "limits:\n" + limits;
}

TEST(PolicyTest, ALimitIsItsCallersAndItsBurstIsASecondUnlessSaid) {
  auto policy = Parsed(WithLimits(
      "  - {who: [\"cn:a\", \"cn:b\"], operations_per_second: 500}\n"
      "  - {who: [\"cn:c\"], operations_per_second: 5, burst: 50}\n"));
  ASSERT_NE(policy, nullptr);
  ASSERT_NE(policy->LimitOf(Named("b")), nullptr);
  EXPECT_EQ(*policy->LimitOf(Named("b")), (RateLimit{500, 500}));
  EXPECT_EQ(*policy->LimitOf(Named("c")), (RateLimit{5, 50}));
  EXPECT_EQ(policy->LimitOf(Named("d")), nullptr);
}

TEST(PolicyTest, BadLimitsAreRefused) {
  for (const char* limits :
       {"  []\n", "  - {who: [\"cn:a\"]}\n", "  - {operations_per_second: 5}\n",
        "  - {who: [], operations_per_second: 5}\n",
        "  - {who: [\"a\"], operations_per_second: 5}\n",
        "  - {who: [\"cn:a\"], operations_per_second: 0}\n",
        "  - {who: [\"cn:a\"], operations_per_second: 10000001}\n",
        "  - {who: [\"cn:a\"], operations_per_second: 5, burst: 0}\n",
        "  - {who: [\"cn:a\"], operations_per_second: 5, per: second}\n",
        "  - {who: [\"cn:a\"], operations_per_second: 5}\n"
        "  - {who: [\"cn:b\", \"cn:a\"], operations_per_second: 6}\n"}) {
    EXPECT_THAT(Policy::Parse(WithLimits(limits), "policy.yaml"),
                HasReason(Reason::kConfigInvalid))
        << limits;
  }
}

TEST(PolicyTest, EverythingElseIsDenied) {
  auto policy = Parsed(kPolicy);
  struct Case {
    const char* caller;
    Action action;
    const char* key;
  };
  for (const Case& c : {Case{"payments-app", Action::kEncrypt, "payments/x"},
                        Case{"payments-app", Action::kRewrap, "payments/x"},
                        Case{"payments-app", Action::kWrap, "payroll/x"},
                        Case{"payments-app", Action::kWrap, "payments"},
                        Case{"payments-ap", Action::kWrap, "payments/x"},
                        Case{"Payments-App", Action::kWrap, "payments/x"},
                        Case{"observer", Action::kWrap, "payments/x"},
                        Case{"nobody", Action::kViewKey, "payments/x"}}) {
    EXPECT_THAT(policy->Check(Named(c.caller), c.action, {.name = c.key}),
                HasReason(Reason::kPermissionDenied))
        << c.caller << " " << ActionName(c.action) << " " << c.key;
  }
}

TEST(PolicyTest, ADenialNamesCallerActionAndKeyAsAskedFor) {
  auto policy = Parsed(kPolicy);
  EXPECT_THAT(
      policy->Check(Named("nobody"), Action::kWrap, {.name = "payments/x"}),
      HasReason(Reason::kPermissionDenied,
                HasSubstr("cn:nobody may not 'wrap' with key payments/x")));
}

TEST(PolicyTest, ADenialDoesNotTellANameTheCallerDidNotGive) {
  auto policy = Parsed(kPolicy);
  Status known = policy
                     ->Check(Named("nobody"), Action::kUnwrap,
                             {.name = "payments/x", .named_by_caller = false})
                     .status();
  Status unknown = policy
                       ->Check(Named("nobody"), Action::kUnwrap,
                               {.name = "", .named_by_caller = false})
                       .status();
  EXPECT_THAT(known, HasReason(Reason::kPermissionDenied,
                               HasSubstr("the key of this token")));
  EXPECT_EQ(known, unknown);
}

TEST(PolicyTest, LabelsMustAllMatch) {
  auto policy = Parsed(kPolicy);
  Labels prod = {{"env", "prod"}, {"team", "cards"}};
  Labels dev = {{"env", "dev"}};
  Caller caller = Named("operator");
  EXPECT_OK(policy->Check(caller, Action::kRotateKey,
                          {.name = "a", .labels = &prod}));
  EXPECT_THAT(
      policy->Check(caller, Action::kRotateKey, {.name = "a", .labels = &dev}),
      HasReason(Reason::kPermissionDenied));
  EXPECT_THAT(policy->Check(caller, Action::kRotateKey, {.name = "a"}),
              HasReason(Reason::kPermissionDenied));
}

TEST(PolicyTest, AKeyWithoutANameIsForThoseWhoMayDoItWithEveryKey) {
  auto policy = Parsed(kPolicy);
  EXPECT_OK(policy->Check(Named("observer"), Action::kViewKey, {}));
  EXPECT_THAT(policy->Check(Named("payments-app"), Action::kUnwrap, {}),
              HasReason(Reason::kPermissionDenied));
  // On every key, but only with a label.
  EXPECT_THAT(policy->Check(Named("operator"), Action::kRotateKey, {}),
              HasReason(Reason::kPermissionDenied));
}

TEST(PolicyTest, ServiceActionsNeedARuleOnEveryKeyWithoutLabels) {
  auto policy = Parsed(kPolicy);
  EXPECT_OK(policy->CheckService(Named("observer"), Action::kViewStatus));
  EXPECT_THAT(policy->CheckService(Named("operator"), Action::kViewKey),
              HasReason(Reason::kPermissionDenied));
  EXPECT_THAT(policy->CheckService(Named("nobody"), Action::kViewStatus),
              HasReason(Reason::kPermissionDenied, HasSubstr("this service")));
}

TEST(PolicyTest, GrantsAreTheRulesThatNameTheCaller) {
  auto policy = Parsed(kPolicy);
  EXPECT_EQ(policy->rule_count(), 3u);
  EXPECT_THAT(
      policy->GrantsOf(Named("payments-app")),
      ElementsAre("payments application: may wrap, unwrap on payments/**",
                  "observers: may view, deks, status, token, cost on **"));
  EXPECT_THAT(policy->GrantsOf(Named("operator")),
              ElementsAre(AllOf(HasSubstr("create, update, rotate"),
                                HasSubstr(" where env=prod"))));
  EXPECT_THAT(policy->GrantsOf(Named("nobody")), IsEmpty());
}

TEST(PolicyTest, AGroupHasItsActionsAndNoOthers) {
  const Action all[] = {
#define STRONGROOM_X(enumerator, name, group) Action::enumerator,
      STRONGROOM_ACTIONS(STRONGROOM_X)
#undef STRONGROOM_X
  };
  const std::map<Action, std::string> group_of = {
#define STRONGROOM_X(enumerator, name, group) {Action::enumerator, group},
      STRONGROOM_ACTIONS(STRONGROOM_X)
#undef STRONGROOM_X
  };
  for (std::string group : {"use", "manage", "observe"}) {
    auto policy = Parsed(WithRule("may", "[" + group + "]"));
    for (Action action : all) {
      EXPECT_EQ(policy->Check(Named("a"), action, {.name = "k"}).ok(),
                group_of.at(action) == group)
          << group << " " << ActionName(action);
    }
  }
}

TEST(PolicyTest, ActionNamesAreDistinct) {
  std::set<std::string_view> names;
  size_t count = 0;
#define STRONGROOM_X(enumerator, name, group)   \
  names.insert(ActionName(Action::enumerator)); \
  ++count;
  STRONGROOM_ACTIONS(STRONGROOM_X)
#undef STRONGROOM_X
  EXPECT_EQ(names.size(), count);
}

TEST(PolicyTest, BadPoliciesAreRefusedWithThePlace) {
  struct Case {
    std::string yaml;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"", "version"},
      {"version: 2\nrules: []\n", "version"},
      {"version: 1\n", "rules"},
      {"version: 1\nrules: []\n", "at least one"},
      {"version: 1\nrules: {}\n", "at least one"},
      {"version: 1\nrules: [a]\n", "map"},
      {"version: 1\nversion: 1\nrules: []\n", "version"},
      {WithRule("whom", "[\"cn:b\"]"), "who"},
      {WithRule("who", ""), "who"},
      {WithRule("who", "[]"), "at least one"},
      {WithRule("who", "\"cn:a\""), "at least one"},
      {WithRule("who", "[\"a\"]"), "uri:..., dns:... or cn:"},
      {WithRule("who", "[\"CN:a\"]"), "uri:..., dns:... or cn:"},
      {WithRule("who", "[\"cn:\"]"), "empty"},
      {WithRule("who", "[\"cn:*\"]"), "compared whole"},
      {WithRule("who", "[\"cn:a\", \"cn:a\"]"), "twice"},
      {WithRule("may", ""), "may"},
      {WithRule("may", "[]"), "at least one"},
      {WithRule("may", "[unwarp]"), "'unwrap'"},
      {WithRule("may", "[\"*\"]"), "no action"},
      {WithRule("keys", ""), "keys"},
      {WithRule("keys", "[]"), "at least one"},
      {WithRule("keys", "[\"a/**/b\"]"), "before its last"},
      {WithRule("keys", "[\"Payments\"]"), "character"},
      {WithRule("name", ""), "name"},
      {WithRule("name", "\"\""), "name"},
      {WithRule("labels", "{}"), "at least one label"},
      {WithRule("labels", "{env: PROD}"), "env"},
      {WithRule("labels", "[env]"), "label"},
  };
  for (const Case& c : cases) {
    auto policy = Policy::Parse(c.yaml, "policy.yaml");
    EXPECT_THAT(policy, HasReason(Reason::kConfigInvalid,
                                  AllOf(HasSubstr("policy.yaml:"),
                                        HasSubstr(c.message))))
        << c.yaml;
  }
}

TEST(PolicyTest, TwoRulesWithOneNameAreRefused) {
  std::string yaml = WithRule("name", "one");
  yaml += "  - {name: one, who: [\"cn:b\"], may: [wrap], keys: [\"**\"]}\n";
  EXPECT_THAT(Policy::Parse(yaml, "policy.yaml"),
              HasReason(Reason::kConfigInvalid, HasSubstr("'one'")));
}

TEST(PolicyTest, DnsNamesAreComparedWithoutRegardToCase) {
  auto policy = Parsed(WithRule("who", "[\"dns:App.Bank.Example\"]"));
  PeerCertificate peer;
  peer.verified = true;
  peer.dns_names = {"aPP.bank.example"};
  ASSERT_OK_AND_ASSIGN(Caller caller, Authenticator().Authenticate(peer));
  EXPECT_OK(policy->Check(caller, Action::kWrap, {.name = "k"}));
}

TEST(PolicySourceTest, AReplacedPolicyIsInForceAndTheOldOneLivesWhileUsed) {
  PolicySource source(Parsed(kPolicy));
  auto old = source.Current();
  source.Replace(Parsed(WithRule("may", "[wrap]")));
  EXPECT_EQ(source.Current()->rule_count(), 1u);
  EXPECT_EQ(old->rule_count(), 3u);
}

}  // namespace
}  // namespace strongroom::auth
