// Registered DEKs through the door.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/service/rig.h"

namespace strongroom::service {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const Bytes kRequestId(16, 0x5a);

class RegisterTest : public ::testing::Test, protected Rig {
 protected:
  RegisterTest() {
    MakeKey("demo/a");
    MakeKey("other/b");
  }
  static SealCommand Command(const std::vector<std::string>& deks,
                             const Context& context = {}) {
    SealCommand command = SealOf("demo/a", deks, context);
    command.registers = true;
    return command;
  }
  StatusOr<SealedItem> Register(SealCommand command,
                                const ops::Sealing& operation = ops::kWrap) {
    SR_ASSIGN_OR_RETURN(SealResult result,
                        Seal(CallAs("app", operation), std::move(command)));
    return std::move(result.items[0]);
  }
  std::string Registered(const Context& context = {}) {
    auto item = Register(Command({std::string(kDek)}, context));
    EXPECT_OK(item);
    return item->id->ToString();
  }
  StatusOr<OpenedItem> OpenById(const std::string& who, const std::string& id,
                                const std::string& name = "",
                                const Context& context = {}) {
    OpenCommand command;
    command.key_name = name;
    command.context = context;
    command.items.push_back({{}, std::nullopt, id});
    SR_ASSIGN_OR_RETURN(OpenResult result,
                        Open(CallAs(who, ops::kUnwrap), std::move(command)));
    return std::move(result.items[0]);
  }
  void SetRule(keyring::RegistrationRule rule) {
    keyring::KeyChange change;
    change.registration = rule;
    EXPECT_OK(UpdateKey(CallAs("root", ops::kUpdateKey), "demo/a", change));
  }
  Status Remove(const Operation<model::OfDek, model::Nothing>& operation,
                const std::string& who, const std::string& id,
                const std::string& name = "demo/a") {
    return OfDek(CallAs(who, operation), name, id).status();
  }
  size_t Count() {
    model::ListDeks query;
    query.name = "demo/a";
    auto list = Ask(CallAs("root", ops::kListDeks), query);
    EXPECT_OK(list);
    return list->deks.size();
  }
};

TEST_F(RegisterTest, ARegisteredDekOpensByItsIdAndByItsToken) {
  ASSERT_OK_AND_ASSIGN(SealedItem item, Register(Command({std::string(kDek)})));
  ASSERT_TRUE(item.id.has_value());
  ASSERT_OK_AND_ASSIGN(OpenedItem opened, OpenById("app", item.id->ToString()));
  EXPECT_EQ(AsText(opened.secret.Expose()), kDek);
  EXPECT_EQ(opened.key_name, "demo/a");
  ASSERT_OK_AND_ASSIGN(OpenResult by_token, Open(CallAs("app", ops::kUnwrap),
                                                 OpenOf({TokenOf(item)})));
  EXPECT_EQ(AsText(by_token.items[0].secret.Expose()), kDek);
}

TEST_F(RegisterTest, AnIdNeedsItsContextAsATokenDoes) {
  const std::string id = Registered({{"file", "a"}});
  EXPECT_OK(OpenById("app", id, "", {{"file", "a"}}));
  EXPECT_THAT(OpenById("app", id), HasReason(Reason::kNotAuthentic));
  EXPECT_THAT(OpenById("app", id, "", {{"file", "b"}}),
              HasReason(Reason::kNotAuthentic));
}

TEST_F(RegisterTest, AnUnregisteredDekHasNoId) {
  ASSERT_OK_AND_ASSIGN(SealedItem item,
                       Register(SealOf("demo/a", {std::string(kDek)})));
  EXPECT_FALSE(item.id.has_value());
  EXPECT_EQ(Count(), 0u);
}

TEST_F(RegisterTest, WhoMayNotUseTheKeyLearnsNothingOfAnId) {
  const std::string id = Registered();
  const std::string unknown = id.substr(0, id.find(':')) + ":99";
  EXPECT_OK(Remove(ops::kShredDek, "root", Registered()));
  auto of_known = OpenById("other", id);
  auto of_unknown = OpenById("other", unknown);
  EXPECT_THAT(of_known, HasReason(Reason::kPermissionDenied));
  EXPECT_EQ(of_known.status(), of_unknown.status());
  EXPECT_THAT(OpenById("root", unknown), HasReason(Reason::kDekNotFound));
  // A name that the caller may use does not open what is another key's.
  EXPECT_THAT(OpenById("other", id, "other/b"),
              HasReason(Reason::kDekNotFound));
  EXPECT_THAT(OpenById("other", unknown, "other/b"),
              HasReason(Reason::kDekNotFound));
  EXPECT_THAT(OpenById("other", id, "demo/a"),
              HasReason(Reason::kPermissionDenied));
}

TEST_F(RegisterTest, WhatIsNoIdIsRefused) {
  EXPECT_THAT(OpenById("app", "nonsense"), HasReason(Reason::kArgumentInvalid));
  OpenCommand both = OpenOf({Wrapped("demo/a")});
  both.items[0].dek_id = Registered();
  EXPECT_THAT(Open(CallAs("app", ops::kUnwrap), std::move(both)),
              HasReason(Reason::kArgumentInvalid, HasSubstr("both")));
}

TEST_F(RegisterTest, AnIdDoesNotDecrypt) {
  OpenCommand command;
  command.items.push_back({{}, std::nullopt, Registered()});
  EXPECT_THAT(Open(CallAs("app", ops::kDecrypt), std::move(command)),
              HasReason(Reason::kNotAuthentic));
}

TEST_F(RegisterTest, ABatchOfIdsAndTokensIsAnsweredItemByItem) {
  OpenCommand command = OpenOf({Wrapped("demo/a"), {}, {}});
  command.items[1].dek_id = Registered();
  command.items[2].dek_id = "00000000-0000-4000-8000-000000000000:0";
  ASSERT_OK_AND_ASSIGN(
      OpenResult result,
      Open(CallAs("root", ops::kBatchUnwrap), std::move(command)));
  EXPECT_OK(result.items[0].status);
  EXPECT_OK(result.items[1].status);
  EXPECT_THAT(result.items[2].status, HasReason(Reason::kDekNotFound));
}

TEST_F(RegisterTest, ItemsThatCannotBeSealedAreNotRegistered) {
  SealCommand command = Command({std::string(kDek), "short"});
  ASSERT_OK_AND_ASSIGN(SealResult result, Seal(CallAs("app", ops::kBatchWrap),
                                               std::move(command)));
  EXPECT_TRUE(result.items[0].id.has_value());
  EXPECT_THAT(result.items[1].status, HasReason(Reason::kDekSizeInvalid));
  EXPECT_EQ(Count(), 1u);
}

TEST_F(RegisterTest, WithARequestIdAllItemsAreRegisteredOrNone) {
  SealCommand command = Command({std::string(kDek), "short"});
  command.request_id = kRequestId;
  ASSERT_OK_AND_ASSIGN(SealResult result, Seal(CallAs("app", ops::kBatchWrap),
                                               std::move(command)));
  EXPECT_THAT(result.items[0].status, HasReason(Reason::kConflict));
  EXPECT_THAT(result.items[1].status, HasReason(Reason::kDekSizeInvalid));
  EXPECT_EQ(Count(), 0u);
}

TEST_F(RegisterTest, ARepeatedRequestGivesTheSameAnswer) {
  const auto command = [] {
    SealCommand repeated = Command({std::string(kDek)}, {{"a", "b"}});
    repeated.about = {{{"env", "prod"}}, "vol-1"};
    repeated.request_id = kRequestId;
    return repeated;
  };
  ASSERT_OK_AND_ASSIGN(SealedItem first, Register(command()));
  ASSERT_OK_AND_ASSIGN(SealedItem second, Register(command()));
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(TokenOf(second), TokenOf(first));
  EXPECT_TRUE(second.dek.empty()) << "who wraps does not get plaintext";
  EXPECT_EQ(Count(), 1u);
}

TEST_F(RegisterTest, ARepeatedDataKeyIsTheSameDataKey) {
  const auto command = [](uint32_t bytes, bool plain) {
    SealCommand repeated = Command({""});
    repeated.items[0].secret = SecretBytes();
    repeated.dek_bytes = bytes;
    repeated.without_plaintext = !plain;
    repeated.request_id = kRequestId;
    return repeated;
  };
  const Operation op = ops::kGenerateDataKey;
  ASSERT_OK_AND_ASSIGN(SealedItem first, Register(command(32, true), op));
  ASSERT_OK_AND_ASSIGN(SealedItem second, Register(command(32, true), op));
  EXPECT_EQ(second.id, first.id);
  EXPECT_TRUE(second.dek == first.dek);
  ASSERT_OK_AND_ASSIGN(SealedItem without, Register(command(32, false), op));
  EXPECT_TRUE(without.dek.empty());
  EXPECT_THAT(Register(command(16, true), op),
              HasReason(Reason::kRequestIdReused));
}

TEST_F(RegisterTest, ARequestIdWithOtherContentIsRefused) {
  SealCommand first = Command({std::string(kDek)}, {{"a", "b"}});
  first.request_id = kRequestId;
  ASSERT_OK(Register(std::move(first)));
  const auto expect_refused =
      [&](const std::function<void(SealCommand*)>& edit) {
        SealCommand command = Command({std::string(kDek)}, {{"a", "b"}});
        command.request_id = kRequestId;
        edit(&command);
        EXPECT_THAT(Seal(CallAs("app", ops::kBatchWrap), std::move(command)),
                    HasReason(Reason::kRequestIdReused));
      };
  expect_refused([](SealCommand* c) { c->context = {{"a", "c"}}; });
  expect_refused([](SealCommand* c) { c->about.reference = "x"; });
  expect_refused([](SealCommand* c) { c->about.labels = {{"x", "y"}}; });
  expect_refused([](SealCommand* c) {
    c->items[0].about = model::DekAbout{{}, "its own"};
  });
  expect_refused([](SealCommand* c) {
    std::string other(kDek);
    other.back() ^= 1;
    c->items[0].secret = SecretBytes::CopyOf(AsBytes(other));
  });
  expect_refused([](SealCommand* c) {
    c->items.push_back(
        {SecretBytes::CopyOf(AsBytes(kDek)), std::nullopt, std::nullopt});
  });
  EXPECT_EQ(Count(), 1u);
}

TEST_F(RegisterTest, ARepeatAfterARotationOpensWhatIsStored) {
  SealCommand command = Command({std::string(kDek)});
  command.request_id = kRequestId;
  ASSERT_OK_AND_ASSIGN(SealedItem first, Register(std::move(command)));
  Rotate("demo/a");
  SealCommand again = Command({std::string(kDek)});
  again.request_id = kRequestId;
  ASSERT_OK_AND_ASSIGN(SealedItem second, Register(std::move(again)));
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.key_version, 1u);
}

TEST_F(RegisterTest, ARepeatOfWhatWasShreddedSaysSo) {
  SealCommand command = Command({std::string(kDek)});
  command.request_id = kRequestId;
  ASSERT_OK_AND_ASSIGN(SealedItem first, Register(std::move(command)));
  ASSERT_OK(Remove(ops::kShredDek, "root", first.id->ToString()));
  SealCommand again = Command({std::string(kDek)});
  again.request_id = kRequestId;
  EXPECT_THAT(Register(std::move(again)), HasReason(Reason::kDekShredded));
}

TEST_F(RegisterTest, WhatBelongsToRegisteringIsRefusedWithoutIt) {
  for (int which = 0; which < 4; ++which) {
    SealCommand command = SealOf("demo/a", {std::string(kDek)});
    if (which == 0) command.about.labels = {{"a", "b"}};
    if (which == 1) command.about.reference = "x";
    if (which == 2) command.request_id = kRequestId;
    if (which == 3) command.items[0].about = model::DekAbout{};
    EXPECT_THAT(Register(std::move(command)),
                HasReason(Reason::kArgumentInvalid));
  }
}

TEST_F(RegisterTest, BadRegistrationsAreRefusedBeforeAnythingIsSealed) {
  const auto refused = [&](const std::function<void(SealCommand*)>& edit) {
    SealCommand command = Command({std::string(kDek)});
    edit(&command);
    EXPECT_THAT(Register(std::move(command)),
                HasReason(Reason::kArgumentInvalid));
  };
  refused([](SealCommand* c) { c->request_id = Bytes(15); });
  refused([](SealCommand* c) { c->request_id = Bytes(17); });
  refused([](SealCommand* c) { c->about.labels = {{"A", ""}}; });
  refused([](SealCommand* c) { c->about.reference = std::string(257, 'x'); });
  refused([](SealCommand* c) {
    c->items[0].about = model::DekAbout{{}, "\xff"};
  });
  EXPECT_EQ(engine_->Stats().token_operations, 0u);
  EXPECT_THAT(Register(Command({"data"}), ops::kEncrypt),
              HasReason(Reason::kArgumentInvalid, HasSubstr("Encrypt")));
}

TEST_F(RegisterTest, AKeyThatDemandsRegistrationWrapsNothingElse) {
  SetRule(keyring::RegistrationRule::kRequired);
  const auto demands =
      HasReason(Reason::kRegistrationRule, HasSubstr("demands"));
  EXPECT_THAT(Register(SealOf("demo/a", {std::string(kDek)})), demands);
  EXPECT_THAT(Register(SealOf("demo/a", {"data"}), ops::kEncrypt), demands);
  EXPECT_OK(Register(Command({std::string(kDek)})));
}

TEST_F(RegisterTest, AKeyThatDoesNotRegisterRefusesTo) {
  SetRule(keyring::RegistrationRule::kOff);
  EXPECT_THAT(Register(Command({std::string(kDek)})),
              HasReason(Reason::kRegistrationRule));
  EXPECT_OK(Register(SealOf("demo/a", {std::string(kDek)})));
}

TEST_F(RegisterTest, AStoreThatFailsGivesNoToken) {
  store_.FailUpdate(1, Error(Reason::kStoreFull, "no space"));
  EXPECT_THAT(Register(Command({std::string(kDek)})),
              HasReason(Reason::kStoreFull));
  EXPECT_EQ(Count(), 0u);
}

TEST_F(RegisterTest, AShreddedDekIsRefusedInEveryForm) {
  ASSERT_OK_AND_ASSIGN(SealedItem item, Register(Command({std::string(kDek)})));
  const Bytes token = TokenOf(item);
  const std::string id = item.id->ToString();
  ASSERT_OK(Remove(ops::kShredDek, "root", id));
  ASSERT_OK(Remove(ops::kShredDek, "root", id)) << "again";
  EXPECT_THAT(OpenById("app", id), HasReason(Reason::kDekShredded));
  EXPECT_THAT(Open(CallAs("app", ops::kUnwrap), OpenOf({token})),
              HasReason(Reason::kDekShredded));
  EXPECT_THAT(Open(CallAs("other", ops::kUnwrap), OpenOf({token})),
              HasReason(Reason::kPermissionDenied));
  RewrapCommand rewrap;
  rewrap.tokens = {token};
  Rotate("demo/a");
  EXPECT_THAT(Rewrap(CallAs("app", ops::kRewrap), std::move(rewrap)),
              HasReason(Reason::kDekShredded));
}

TEST_F(RegisterTest, ADeletedDekIsForgottenButItsTokenOpens) {
  ASSERT_OK_AND_ASSIGN(SealedItem item, Register(Command({std::string(kDek)})));
  ASSERT_OK(Remove(ops::kDeleteDek, "root", item.id->ToString()));
  EXPECT_THAT(OpenById("root", item.id->ToString()),
              HasReason(Reason::kDekNotFound));
  EXPECT_OK(Open(CallAs("app", ops::kUnwrap), OpenOf({TokenOf(item)})));
  EXPECT_EQ(Count(), 0u);
}

TEST_F(RegisterTest, RemovingNeedsARightOfItsOwn) {
  const std::string id = Registered();
  for (const auto* operation : {&ops::kDeleteDek, &ops::kShredDek}) {
    EXPECT_THAT(Remove(*operation, "app", id),
                HasReason(Reason::kPermissionDenied));
    EXPECT_THAT(Remove(*operation, "root", id, "other/b"),
                HasReason(Reason::kDekNotFound));
    EXPECT_THAT(Remove(*operation, "root", "x"),
                HasReason(Reason::kArgumentInvalid));
  }
  EXPECT_EQ(Count(), 1u);
  EXPECT_OK(OpenById("app", id));
}

TEST_F(RegisterTest, AListHasPagesAndADekIsDescribed) {
  SealCommand command = Command(std::vector<std::string>(5, std::string(kDek)));
  command.about.reference = "ref";
  ASSERT_OK(Seal(CallAs("app", ops::kBatchWrap), std::move(command)));
  model::ListDeks query;
  query.name = "demo/a";
  query.page_size = 2;
  std::vector<model::Dek> all;
  do {
    ASSERT_OK_AND_ASSIGN(model::DekPage list,
                         Ask(CallAs("root", ops::kListDeks), query));
    EXPECT_LE(list.deks.size(), 2u);
    all.insert(all.end(), list.deks.begin(), list.deks.end());
    query.page_token = list.next_page_token;
  } while (!query.page_token.empty());
  ASSERT_THAT(all, SizeIs(5));
  ASSERT_OK_AND_ASSIGN(model::Dek dek, OfDek(CallAs("root", ops::kGetDek),
                                             "demo/a", all[3].id.ToString()));
  EXPECT_EQ(dek.about.reference, "ref");
  EXPECT_EQ(dek.key_version, 1u);
  query.page_token = "AAAA";
  EXPECT_THAT(Ask(CallAs("root", ops::kListDeks), query),
              HasReason(Reason::kArgumentInvalid));
  query.page_token = "";
  EXPECT_THAT(Ask(CallAs("app", ops::kListDeks), query),
              HasReason(Reason::kPermissionDenied));
}

}  // namespace
}  // namespace strongroom::service
