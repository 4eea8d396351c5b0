// Session against a token of this file that gives lost numbers out again.
#include "hsm/pkcs11/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace strongroom::hsm {
namespace {

using ::testing::ElementsAre;

struct NumberedToken {
  std::set<CK_SESSION_HANDLE> open;
  size_t limit = 10;
  int closes = 0;
} g_token;

CK_RV OpenLowest(CK_SLOT_ID, CK_FLAGS, void*, CK_NOTIFY,
                 CK_SESSION_HANDLE_PTR session) {
  if (g_token.open.size() >= g_token.limit) return CKR_SESSION_COUNT;
  CK_SESSION_HANDLE lowest = 1;
  while (g_token.open.contains(lowest)) ++lowest;
  g_token.open.insert(lowest);
  *session = lowest;
  return CKR_OK;
}

CK_RV Close(CK_SESSION_HANDLE session) {
  ++g_token.closes;
  return g_token.open.erase(session) == 1 ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    g_token = {};
    functions_.C_OpenSession = OpenLowest;
    functions_.C_CloseSession = Close;
  }
  CK_RV Open(Session* session) {
    return Session::Open(functions_, handles_, 0, false, session);
  }

  CK_FUNCTION_LIST functions_ = {};
  SessionHandles handles_;
};

TEST_F(SessionTest, ANumberThatAnotherStillHoldsIsNotUsed) {
  Session one, two, fresh;
  ASSERT_EQ(Open(&one), CKR_OK);
  ASSERT_EQ(Open(&two), CKR_OK);
  g_token.open.clear();  // the token lost them, and nobody noticed yet
  ASSERT_EQ(Open(&fresh), CKR_OK);
  EXPECT_EQ(fresh.handle(), 3u);
  // The old owners will hear that theirs are gone.
  EXPECT_THAT(g_token.open, ElementsAre(3));
}

TEST_F(SessionTest, ADroppedSessionIsNotClosedAndItsNumberIsFree) {
  Session lost, other;
  ASSERT_EQ(Open(&lost), CKR_OK);
  g_token.open.clear();
  lost.Drop();
  EXPECT_FALSE(lost.is_open());
  ASSERT_EQ(Open(&other), CKR_OK);
  EXPECT_EQ(other.handle(), 1u);
  lost.Close();
  EXPECT_EQ(g_token.closes, 0);
  EXPECT_THAT(g_token.open, ElementsAre(1));
}

TEST_F(SessionTest, AClosedSessionFreesItsNumberOnce) {
  Session one, two;
  ASSERT_EQ(Open(&one), CKR_OK);
  one.Close();
  one.Close();
  EXPECT_EQ(g_token.closes, 1);
  ASSERT_EQ(Open(&two), CKR_OK);
  EXPECT_EQ(two.handle(), 1u);
}

TEST_F(SessionTest, AMovedSessionHasOneOwner) {
  Session one;
  ASSERT_EQ(Open(&one), CKR_OK);
  {
    Session two = std::move(one);
    EXPECT_FALSE(one.is_open());
    EXPECT_TRUE(two.is_open());
    one.Close();
    EXPECT_EQ(g_token.closes, 0);
  }
  EXPECT_EQ(g_token.closes, 1);
}

TEST_F(SessionTest, WhenNoFreeNumberComesNothingStaysOpen) {
  Session one, two, fresh;
  ASSERT_EQ(Open(&one), CKR_OK);
  ASSERT_EQ(Open(&two), CKR_OK);
  g_token.open.clear();
  g_token.limit = 2;
  EXPECT_EQ(Open(&fresh), CKR_SESSION_COUNT);
  EXPECT_FALSE(fresh.is_open());
  EXPECT_TRUE(g_token.open.empty());
  one.Drop();
  EXPECT_EQ(Open(&fresh), CKR_OK);
}

}  // namespace
}  // namespace strongroom::hsm
