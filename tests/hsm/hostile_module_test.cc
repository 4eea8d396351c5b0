// A module that lies about counts, lengths and ends: nothing here loops for
// ever, allocates what it says, or takes a value it did not give.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

#include "hsm/pkcs11/attributes.h"
#include "hsm/pkcs11/kek_prover.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/objects.h"
#include "hsm/pkcs11/session.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::hsm {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Cryptoki's functions carry no context: one script for the program.
struct Script {
  std::function<CK_RV(CK_SESSION_HANDLE*)> open_session;
  std::function<CK_RV(CK_OBJECT_HANDLE*, CK_ULONG, CK_ULONG*)> find;
  std::function<CK_RV(CK_ATTRIBUTE*)> attribute;
  std::function<CK_RV(CK_SLOT_ID*, CK_ULONG*)> slots;
  std::function<CK_RV(CK_TOKEN_INFO*)> token;
  int closes = 0, finals = 0, slot_calls = 0, decrypts = 0;
} g_script;

CK_RV OpenSession(CK_SLOT_ID, CK_FLAGS, void*, CK_NOTIFY,
                  CK_SESSION_HANDLE* session) {
  return g_script.open_session(session);
}
CK_RV CloseSession(CK_SESSION_HANDLE) {
  ++g_script.closes;
  return CKR_OK;
}
CK_RV SessionInfo(CK_SESSION_HANDLE, CK_SESSION_INFO* info) {
  info->state = CKS_RO_USER_FUNCTIONS;
  return CKR_OK;
}
CK_RV FindInit(CK_SESSION_HANDLE, CK_ATTRIBUTE*, CK_ULONG) { return CKR_OK; }
CK_RV FindObjects(CK_SESSION_HANDLE, CK_OBJECT_HANDLE* objects, CK_ULONG room,
                  CK_ULONG* count) {
  return g_script.find(objects, room, count);
}
CK_RV FindFinal(CK_SESSION_HANDLE) {
  ++g_script.finals;
  return CKR_OK;
}
CK_RV GetAttribute(CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE* attribute,
                   CK_ULONG) {
  return g_script.attribute(attribute);
}
CK_RV SlotList(CK_BBOOL, CK_SLOT_ID* slots, CK_ULONG* count) {
  ++g_script.slot_calls;
  return g_script.slots(slots, count);
}
CK_RV TokenInfo(CK_SLOT_ID, CK_TOKEN_INFO* info) {
  return g_script.token(info);
}
CK_RV DecryptInit(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE) {
  return CKR_OK;
}
CK_RV Decrypt(CK_SESSION_HANDLE, CK_BYTE*, CK_ULONG, CK_BYTE*, CK_ULONG*) {
  ++g_script.decrypts;
  return CKR_ENCRYPTED_DATA_INVALID;
}

class HostileModuleTest : public ::testing::Test {
 protected:
  HostileModuleTest() {
    g_script = {};
    g_script.open_session =
        [next = CK_SESSION_HANDLE{0}](CK_SESSION_HANDLE* session) mutable {
          *session = ++next;
          return CKR_OK;
        };
    functions_.C_OpenSession = OpenSession;
    functions_.C_CloseSession = CloseSession;
    functions_.C_GetSessionInfo = SessionInfo;
    functions_.C_FindObjectsInit = FindInit;
    functions_.C_FindObjects = FindObjects;
    functions_.C_FindObjectsFinal = FindFinal;
    functions_.C_GetAttributeValue = GetAttribute;
    functions_.C_GetSlotList = SlotList;
    functions_.C_GetTokenInfo = TokenInfo;
    functions_.C_DecryptInit = DecryptInit;
    functions_.C_Decrypt = Decrypt;
  }
  void SetUp() override { ASSERT_EQ(Open(&session_), CKR_OK); }
  CK_RV Open(Session* session) {
    return Session::Open(functions_, handles_, 0, false, session);
  }
  CK_RV Find() { return session_.Find({}, &found_); }

  CK_FUNCTION_LIST functions_ = {};
  SessionHandles handles_;
  Session session_;
  std::vector<CK_OBJECT_HANDLE> found_;
};

TEST_F(HostileModuleTest, ASessionThatIsOpenedAgainAndAgainIsRefused) {
  g_script.open_session = [this](CK_SESSION_HANDLE* session) {
    *session = session_.handle();
    return CKR_OK;
  };
  Session other;
  EXPECT_EQ(Open(&other), CKR_FUNCTION_FAILED);
  EXPECT_FALSE(other.is_open());
}

TEST_F(HostileModuleTest, OpeningEndsWhenTheModuleGoesRoundTheSameNumbers) {
  Session two, three, other;
  ASSERT_EQ(Open(&two), CKR_OK);
  ASSERT_EQ(Open(&three), CKR_OK);
  int calls = 0;
  g_script.open_session = [&](CK_SESSION_HANDLE* session) {
    *session = 1 + calls++ % 3;
    return CKR_OK;
  };
  EXPECT_EQ(Open(&other), CKR_FUNCTION_FAILED);
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(g_script.closes, 3) << "each number once";
}

TEST_F(HostileModuleTest, ASessionWithoutANumberIsRefused) {
  g_script.open_session = [](CK_SESSION_HANDLE*) { return CKR_OK; };
  Session other;
  EXPECT_EQ(Open(&other), CKR_FUNCTION_FAILED);
}

TEST_F(HostileModuleTest, ASearchWithoutEndIsEnded) {
  for (const CK_ULONG page : {1ul, 512ul}) {
    uint64_t calls = 0;
    g_script.find = [&](CK_OBJECT_HANDLE* objects, CK_ULONG, CK_ULONG* count) {
      ++calls;
      std::fill_n(objects, page, 7);
      *count = page;
      return CKR_OK;
    };
    EXPECT_EQ(Find(), CKR_FUNCTION_FAILED);
    EXPECT_THAT(found_, IsEmpty());
    EXPECT_LE(calls * page, (1u << 20) + page);
  }
  EXPECT_EQ(g_script.finals, 2) << "the search is closed all the same";
}

TEST_F(HostileModuleTest, APageOfMoreThanWasAskedForIsRefused) {
  for (const CK_ULONG count : {CK_ULONG{513}, ~CK_ULONG{0}}) {
    g_script.find = [&](CK_OBJECT_HANDLE*, CK_ULONG, CK_ULONG* out) {
      *out = count;
      return CKR_OK;
    };
    EXPECT_EQ(Find(), CKR_FUNCTION_FAILED);
    EXPECT_THAT(found_, IsEmpty());
  }
}

TEST_F(HostileModuleTest, TheCountOfASearchThatFailedIsNotRead) {
  int calls = 0;
  g_script.find = [&](CK_OBJECT_HANDLE* objects, CK_ULONG, CK_ULONG* count) {
    objects[0] = 7;
    *count = 1;
    return ++calls == 1 ? CKR_OK : CKR_DEVICE_ERROR;
  };
  EXPECT_EQ(Find(), CKR_DEVICE_ERROR);
  EXPECT_THAT(found_, IsEmpty());
}

// Gives these lengths, in the order of the calls, and no bytes.
std::function<CK_RV(CK_ATTRIBUTE*)> Lengths(std::vector<CK_ULONG> lengths) {
  return [lengths = std::move(lengths),
          call = size_t{0}](CK_ATTRIBUTE* attribute) mutable {
    attribute->ulValueLen = lengths.at(std::min(call++, lengths.size() - 1));
    return CKR_OK;
  };
}

TEST_F(HostileModuleTest, BytesOfAnImpossibleLengthAreNoBytes) {
  for (const std::vector<CK_ULONG>& lengths :
       {std::vector<CK_ULONG>{CK_UNAVAILABLE_INFORMATION},
        {CK_ULONG{1} << 40},
        {16, CK_UNAVAILABLE_INFORMATION},
        {16, 17},
        {16, CK_ULONG{1} << 40}}) {
    g_script.attribute = Lengths(lengths);
    Bytes out = {1, 2, 3};
    EXPECT_EQ(session_.ReadBytes(1, CKA_ID, &out), CKR_ATTRIBUTE_TYPE_INVALID);
    EXPECT_THAT(out, IsEmpty());
  }
}

TEST_F(HostileModuleTest, BytesThatGrewBetweenTheTwoCallsAreNoBytes) {
  int calls = 0;
  g_script.attribute = [&](CK_ATTRIBUTE* attribute) -> CK_RV {
    attribute->ulValueLen = ++calls == 1 ? 16 : CK_UNAVAILABLE_INFORMATION;
    return calls == 1 ? CKR_OK : CKR_BUFFER_TOO_SMALL;
  };
  Bytes out;
  EXPECT_EQ(session_.ReadBytes(1, CKA_ID, &out), CKR_ATTRIBUTE_TYPE_INVALID);
  EXPECT_EQ(calls, 2);
}

TEST_F(HostileModuleTest, BytesThatShrankAreCut) {
  g_script.attribute = Lengths({16, 4});
  Bytes out;
  EXPECT_EQ(session_.ReadBytes(1, CKA_ID, &out), CKR_OK);
  EXPECT_EQ(out, Bytes(4));
}

TEST_F(HostileModuleTest, ANumberOrFlagOfAnotherLengthIsNoValue) {
  for (const CK_ULONG length :
       {CK_ULONG{0}, CK_ULONG{2}, CK_ULONG{4}, CK_UNAVAILABLE_INFORMATION}) {
    g_script.attribute = Lengths({length});
    CK_ULONG number = 5;
    EXPECT_EQ(session_.ReadNumber(1, CKA_VALUE_LEN, &number),
              CKR_ATTRIBUTE_TYPE_INVALID);
    EXPECT_EQ(number, 5u);
    for (const bool before : {false, true}) {
      bool flag = before;
      EXPECT_EQ(session_.ReadBool(1, CKA_EXTRACTABLE, &flag),
                CKR_ATTRIBUTE_TYPE_INVALID);
      EXPECT_EQ(flag, before);
    }
  }
}

TEST_F(HostileModuleTest, TheValueOfAReadThatFailedIsNotTaken) {
  g_script.attribute = [](CK_ATTRIBUTE* attribute) -> CK_RV {
    std::memset(attribute->pValue, 1, attribute->ulValueLen);
    return CKR_DEVICE_ERROR;
  };
  CK_ULONG number = 5;
  EXPECT_EQ(session_.ReadNumber(1, CKA_VALUE_LEN, &number), CKR_DEVICE_ERROR);
  EXPECT_EQ(number, 5u);
}

TEST_F(HostileModuleTest, AFlagThatIsUnavailableIsNotTheWantedFalse) {
  g_script.attribute = Lengths({CK_UNAVAILABLE_INFORMATION});
  constexpr WantedFlag kWanted[] = {
      {CKA_EXTRACTABLE, false, "CKA_EXTRACTABLE"}};
  std::string fault;
  EXPECT_EQ(CheckFlags(session_, 1, kWanted, &fault), CKR_OK);
  EXPECT_THAT(fault, HasSubstr("CKA_EXTRACTABLE is not known"));
}

TEST_F(HostileModuleTest, AnObjectWithImpossibleAttributesHidesNoOther) {
  g_script.find = [done = false](CK_OBJECT_HANDLE* objects, CK_ULONG,
                                 CK_ULONG* count) mutable {
    objects[0] = 1;
    objects[1] = 2;
    *count = std::exchange(done, true) ? 0 : 2;
    return CKR_OK;
  };
  g_script.attribute = [](CK_ATTRIBUTE* attribute) {
    if (attribute->type == CKA_CLASS) {
      const CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
      std::memcpy(attribute->pValue, &secret_key, sizeof secret_key);
    } else {
      attribute->ulValueLen = CK_ULONG{1} << 40;
    }
    return CKR_OK;
  };
  std::vector<TokenObject> objects;
  EXPECT_EQ(ListObjects(session_, &objects), CKR_OK);
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].object_class, "secret-key");
  EXPECT_FALSE(objects[0].sensitive) << "nothing good is taken for granted";
  EXPECT_TRUE(objects[0].extractable);
}

TEST_F(HostileModuleTest, NotEveryObjectWithOneIdIsTried) {
  g_script.find = [done = false](CK_OBJECT_HANDLE* objects, CK_ULONG room,
                                 CK_ULONG* count) mutable {
    std::fill_n(objects, room, 7);
    *count = std::exchange(done, true) ? 0 : room;
    return CKR_OK;
  };
  KekTable keks;
  const Uuid id = Uuid::Random();
  keks.Adopt({id, {Bytes(4), Bytes(60)}});
  const Profile profile;
  CK_OBJECT_HANDLE handle = 0;
  const Step step = KekProver(keks, profile).Prove(session_, id, &handle);
  EXPECT_THAT(step.status,
              HasReason(Reason::kKekNotOnToken, HasSubstr("512 keys")));
  EXPECT_EQ(g_script.decrypts, 0);
}

// --- Slots and tokens --------------------------------------------------------

TEST_F(HostileModuleTest, TheCountOfSlotsIsReadAfterTheAnswer) {
  g_script.slots = [](CK_SLOT_ID*, CK_ULONG* count) -> CK_RV {
    *count = ~CK_ULONG{0};
    return CKR_DEVICE_ERROR;
  };
  EXPECT_THAT(ListTokens(functions_),
              HasReason(Reason::kHsmUnavailable, HasSubstr("DEVICE_ERROR")));
}

TEST_F(HostileModuleTest, AnImpossibleNumberOfSlotsIsRefused) {
  g_script.slots = [](CK_SLOT_ID*, CK_ULONG* count) {
    *count = ~CK_ULONG{0};
    return CKR_OK;
  };
  EXPECT_THAT(ListTokens(functions_),
              HasReason(Reason::kHsmUnavailable, HasSubstr("at most 4096")));
}

TEST_F(HostileModuleTest, SlotsThatGrowAtEachCallAreNotAskedForForEver) {
  for (const CK_RV answer : {CK_RV{CKR_BUFFER_TOO_SMALL}, CK_RV{CKR_OK}}) {
    g_script.slot_calls = 0;
    g_script.slots = [&](CK_SLOT_ID* slots, CK_ULONG* count) {
      *count = static_cast<CK_ULONG>(g_script.slot_calls);
      return slots == nullptr ? CK_RV{CKR_OK} : answer;
    };
    EXPECT_THAT(ListTokens(functions_),
                HasReason(Reason::kHsmUnavailable, HasSubstr("more slots")));
    EXPECT_EQ(g_script.slot_calls, 6);
  }
}

TEST_F(HostileModuleTest, ASlotThatComesBetweenTheTwoCallsIsSeen) {
  g_script.slots = [](CK_SLOT_ID* slots, CK_ULONG* count) -> CK_RV {
    const CK_ULONG there = g_script.slot_calls == 1 ? 1 : 2;
    const CK_ULONG room = *count;
    *count = there;
    if (slots == nullptr) return CKR_OK;
    if (room < there) return CKR_BUFFER_TOO_SMALL;
    slots[0] = 1;
    slots[1] = 2;
    return CKR_OK;
  };
  g_script.token = [](CK_TOKEN_INFO*) { return CKR_OK; };
  ASSERT_OK_AND_ASSIGN(const std::vector<Token> tokens, ListTokens(functions_));
  EXPECT_EQ(tokens.size(), 2u);
}

class TokenTextTest : public HostileModuleTest {
 protected:
  // The label as it is understood, of a token that writes these bytes.
  std::string Label(std::string_view bytes) {
    g_script.slots = [](CK_SLOT_ID* slots, CK_ULONG* count) {
      if (slots != nullptr) slots[0] = 1;
      *count = 1;
      return CKR_OK;
    };
    g_script.token = [&](CK_TOKEN_INFO* info) {
      std::memset(info, 'x', sizeof *info);
      std::copy(bytes.begin(), bytes.end(), info->label);
      return CKR_OK;
    };
    StatusOr<std::vector<Token>> tokens = ListTokens(functions_);
    EXPECT_OK(tokens);
    return tokens->front().label;
  }
  static std::string Padded(std::string text, char with = ' ') {
    text.resize(32, with);
    return text;
  }
};

TEST_F(TokenTextTest, PaddingOfSpacesOrZerosIsDropped) {
  EXPECT_EQ(Label(Padded("token a")), "token a");
  EXPECT_EQ(Label(Padded("token a", '\0')), "token a");
  EXPECT_EQ(Label(std::string("token a \0garbage behind the end!!", 32)),
            "token a");
  EXPECT_EQ(Label(Padded("")), "");
  EXPECT_EQ(Label(Padded("", '\0')), "");
}

TEST_F(TokenTextTest, ALabelThatFillsItsFieldEndsThere) {
  const std::string full(32, 'a');
  EXPECT_EQ(Label(full), full);
}

TEST_F(TokenTextTest, WhatCannotBeShownIsReplaced) {
  EXPECT_EQ(Label(Padded("a\nERROR b\x1b[2J\x7f")), "a?ERROR b?[2J?");
  EXPECT_EQ(Label(Padded("caf\xc3\xa9")), "caf\xc3\xa9");
  EXPECT_EQ(Label(Padded("caf\xe9")), "caf?");
}

TEST(ModuleFunctionsTest, AListWithoutAFunctionIsNotUsed) {
  EXPECT_EQ(MissingFunction({}), "C_Initialize");
}

}  // namespace
}  // namespace strongroom::hsm
