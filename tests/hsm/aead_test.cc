// The GCM call as each profile wants it, against a token of this file that
// does no cryptography: it records parameters and makes IVs as the documents
// of CloudHSM and Luna say.
#include "hsm/pkcs11/aead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace strongroom::hsm {
namespace {

constexpr uint8_t kDeviceIv = 0xd1;

// One token per test program: Cryptoki's functions carry no context.
struct ScriptedToken {
  Profile::IvSource iv_source = Profile::IvSource::kHost;
  CK_GCM_PARAMS* params = nullptr;  // the caller's; valid until its call ends
  CK_GCM_PARAMS seen = {};
  Bytes iv, aad;
  CK_ULONG room = 0;    // what the caller said its buffer holds
  long size_error = 0;  // how wrong the size is that it answers
  bool make_iv = true;
  CK_RV init = CKR_OK, finish = CKR_OK;
} g_token;

CK_RV Init(CK_SESSION_HANDLE, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE) {
  EXPECT_EQ(mechanism->mechanism, CKM_AES_GCM);
  EXPECT_EQ(mechanism->ulParameterLen, sizeof(CK_GCM_PARAMS));
  g_token.params = static_cast<CK_GCM_PARAMS*>(mechanism->pParameter);
  g_token.seen = *g_token.params;
  const CK_GCM_PARAMS& p = g_token.seen;
  g_token.iv.assign(p.pIv, p.pIv + p.ulIvLen);
  g_token.aad.assign(p.pAAD, p.pAAD + p.ulAADLen);
  return g_token.init;
}

CK_RV Encrypt(CK_SESSION_HANDLE, CK_BYTE_PTR data, CK_ULONG size,
              CK_BYTE_PTR out, CK_ULONG_PTR out_size) {
  g_token.room = *out_size;
  if (g_token.finish != CKR_OK) return g_token.finish;
  std::copy(data, data + size, out);
  std::fill(out + size, out + size + kTagSize, 0x7a);
  *out_size = size + kTagSize;
  if (g_token.make_iv && g_token.iv_source == Profile::IvSource::kDeviceParam) {
    std::fill_n(g_token.params->pIv, g_token.params->ulIvLen, kDeviceIv);
  }
  if (g_token.iv_source == Profile::IvSource::kDeviceOutput) {
    std::fill_n(out + *out_size, 16, g_token.make_iv ? kDeviceIv : 0);
    *out_size += 16;
  }
  *out_size += static_cast<CK_ULONG>(g_token.size_error);
  return CKR_OK;
}

CK_RV Decrypt(CK_SESSION_HANDLE, CK_BYTE_PTR data, CK_ULONG size,
              CK_BYTE_PTR out, CK_ULONG_PTR out_size) {
  g_token.room = *out_size;
  if (g_token.finish != CKR_OK) return g_token.finish;
  std::copy(data, data + size - kTagSize, out);
  *out_size = size - kTagSize + static_cast<CK_ULONG>(g_token.size_error);
  return CKR_OK;
}

CK_RV OpenSession(CK_SLOT_ID, CK_FLAGS, void*, CK_NOTIFY,
                  CK_SESSION_HANDLE_PTR session) {
  *session = 1;
  return CKR_OK;
}
CK_RV CloseSession(CK_SESSION_HANDLE) { return CKR_OK; }

class AeadTest : public ::testing::Test {
 protected:
  AeadTest() {
    g_token = {};
    functions_.C_OpenSession = OpenSession;
    functions_.C_CloseSession = CloseSession;
    functions_.C_EncryptInit = Init;
    functions_.C_Encrypt = Encrypt;
    functions_.C_DecryptInit = Init;
    functions_.C_Decrypt = Decrypt;
    EXPECT_EQ(Session::Open(functions_, handles_, 0, false, &session_), CKR_OK);
  }

  void Use(Profile::IvSource source, size_t iv_size) {
    profile_.iv_source = source;
    profile_.iv_size = iv_size;
    g_token.iv_source = source;
  }
  CK_RV Seal(Bytes* sealed) {
    return AeadSeal(session_, 1, profile_, aad_, secret_, sealed);
  }

  CK_FUNCTION_LIST functions_ = {};
  SessionHandles handles_;
  Session session_;
  Profile profile_;
  const Bytes aad_ = {1, 2, 3};
  const Bytes secret_ = Bytes(32, 0x55);
};

TEST_F(AeadTest, TheTagIsAlways128BitsAndTheIvBitsAreSet) {
  Bytes sealed;
  ASSERT_EQ(Seal(&sealed), CKR_OK);
  EXPECT_EQ(g_token.seen.ulTagBits, 128u);
  EXPECT_EQ(g_token.seen.ulIvLen, 12u);
  EXPECT_EQ(g_token.seen.ulIvBits, 96u);
  EXPECT_EQ(g_token.aad, aad_);
  SecretBytes opened;
  ASSERT_EQ(AeadOpen(session_, 1, profile_, aad_, sealed, &opened), CKR_OK);
  EXPECT_EQ(g_token.seen.ulTagBits, 128u);
  EXPECT_EQ(g_token.seen.ulIvBits, 96u);
}

TEST_F(AeadTest, TheHostMakesAFreshIvForEverySeal) {
  std::set<Bytes> ivs;
  for (int i = 0; i < 1000; ++i) {
    Bytes sealed;
    ASSERT_EQ(Seal(&sealed), CKR_OK);
    EXPECT_EQ(sealed.size(), 12u + 32u + 16u);
    EXPECT_EQ(Bytes(sealed.begin(), sealed.begin() + 12), g_token.iv);
    EXPECT_TRUE(ivs.insert(g_token.iv).second);
  }
}

TEST_F(AeadTest, AnIvThatTheDeviceWritesBackIsRead) {
  Use(Profile::IvSource::kDeviceParam, 12);
  Bytes sealed;
  ASSERT_EQ(Seal(&sealed), CKR_OK);
  EXPECT_EQ(g_token.iv, Bytes(12, 0)) << "want a zeroed buffer";
  ASSERT_EQ(sealed.size(), 60u);
  EXPECT_EQ(Bytes(sealed.begin(), sealed.begin() + 12), Bytes(12, kDeviceIv));
  EXPECT_EQ(Bytes(sealed.begin() + 12, sealed.begin() + 44), secret_);
}

TEST_F(AeadTest, AnIvThatTheDeviceAppendsIsMovedToTheFront) {
  Use(Profile::IvSource::kDeviceOutput, 16);
  Bytes sealed;
  ASSERT_EQ(Seal(&sealed), CKR_OK);
  EXPECT_EQ(g_token.seen.pIv, nullptr);
  EXPECT_EQ(g_token.seen.ulIvLen, 0u);
  ASSERT_EQ(sealed.size(), 64u);
  EXPECT_EQ(Bytes(sealed.begin(), sealed.begin() + 16), Bytes(16, kDeviceIv));
  EXPECT_EQ(Bytes(sealed.begin() + 16, sealed.begin() + 48), secret_);
  EXPECT_EQ(Bytes(sealed.begin() + 48, sealed.end()), Bytes(16, 0x7a));
}

TEST_F(AeadTest, OpeningGivesTheDeviceTheIvOfTheSealedBytes) {
  for (const auto& [source, iv_size] :
       {std::pair{Profile::IvSource::kHost, size_t{12}},
        std::pair{Profile::IvSource::kDeviceParam, size_t{12}},
        std::pair{Profile::IvSource::kDeviceOutput, size_t{16}}}) {
    Use(source, iv_size);
    Bytes sealed;
    ASSERT_EQ(Seal(&sealed), CKR_OK);
    SecretBytes opened;
    ASSERT_EQ(AeadOpen(session_, 1, profile_, aad_, sealed, &opened), CKR_OK);
    EXPECT_EQ(g_token.iv, Bytes(sealed.begin(), sealed.begin() + iv_size));
    EXPECT_EQ(opened, SecretBytes::CopyOf(secret_));
  }
}

TEST_F(AeadTest, ADeviceThatMakesNoIvIsNotBelieved) {
  g_token.make_iv = false;
  for (const auto& [source, iv_size] :
       {std::pair{Profile::IvSource::kDeviceParam, size_t{12}},
        std::pair{Profile::IvSource::kDeviceOutput, size_t{16}}}) {
    Use(source, iv_size);
    g_token.make_iv = false;
    Bytes sealed;
    EXPECT_EQ(Seal(&sealed), CKR_FUNCTION_FAILED);
    EXPECT_TRUE(sealed.empty());
  }
}

TEST_F(AeadTest, AnOutputOfTheWrongSizeIsNotBelieved) {
  Bytes sealed;
  ASSERT_EQ(Seal(&sealed), CKR_OK);
  for (const long error : {-17L, -1L, 1L, 1000L}) {
    g_token.size_error = error;
    Bytes other;
    EXPECT_EQ(Seal(&other), CKR_FUNCTION_FAILED) << error;
    SecretBytes opened;
    EXPECT_EQ(AeadOpen(session_, 1, profile_, aad_, sealed, &opened),
              CKR_FUNCTION_FAILED)
        << error;
    EXPECT_TRUE(opened.empty());
  }
}

TEST_F(AeadTest, ADeviceThatAppendsItsIvUnderAHostProfileIsNoticed) {
  g_token.iv_source = Profile::IvSource::kDeviceOutput;
  Bytes sealed;
  EXPECT_EQ(Seal(&sealed), CKR_FUNCTION_FAILED);
}

TEST_F(AeadTest, OpeningOffersABufferAsLongAsTheCiphertext) {
  Bytes sealed;
  ASSERT_EQ(Seal(&sealed), CKR_OK);
  SecretBytes opened;
  ASSERT_EQ(AeadOpen(session_, 1, profile_, aad_, sealed, &opened), CKR_OK);
  EXPECT_GE(g_token.room, sealed.size() - 12);
  EXPECT_EQ(opened.size(), secret_.size());
}

TEST_F(AeadTest, BytesTooShortForIvAndTagAreRefusedWithoutTheToken) {
  for (size_t size = 0; size < 28; ++size) {
    SecretBytes opened;
    EXPECT_EQ(AeadOpen(session_, 1, profile_, aad_, Bytes(size, 1), &opened),
              CKR_ENCRYPTED_DATA_LEN_RANGE);
  }
  EXPECT_EQ(g_token.params, nullptr);
}

TEST_F(AeadTest, WhatTheTokenAnswersIsHandedOn) {
  Bytes sealed;
  ASSERT_EQ(Seal(&sealed), CKR_OK);
  SecretBytes opened;
  Bytes other;
  g_token.finish = CKR_GENERAL_ERROR;
  EXPECT_EQ(Seal(&other), CKR_GENERAL_ERROR);
  EXPECT_EQ(AeadOpen(session_, 1, profile_, aad_, sealed, &opened),
            CKR_GENERAL_ERROR);
  g_token.init = CKR_KEY_HANDLE_INVALID;
  EXPECT_EQ(Seal(&other), CKR_KEY_HANDLE_INVALID);
  EXPECT_EQ(AeadOpen(session_, 1, profile_, aad_, sealed, &opened),
            CKR_KEY_HANDLE_INVALID);
  EXPECT_TRUE(other.empty());
  EXPECT_TRUE(opened.empty());
}

}  // namespace
}  // namespace strongroom::hsm
