#include "hsm/pkcs11/aead.h"

#include <algorithm>
#include <array>

#include "strongroom/base/random.h"

namespace strongroom::hsm {
namespace {

constexpr size_t kMaxIvSize = 16;

CK_GCM_PARAMS GcmParams(MutableByteView iv, ByteView aad) {
  CK_GCM_PARAMS params = {};
  params.pIv = iv.data();
  params.ulIvLen = iv.size();
  params.ulIvBits = 8 * iv.size();  // some modules read this one alone
  params.pAAD = aad.empty() ? nullptr : Mutable(aad);
  params.ulAADLen = aad.size();
  params.ulTagBits = kTagBits;
  return params;
}

bool IsZero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](uint8_t b) { return b == 0; });
}

}  // namespace

CK_RV AeadSeal(const Session& session, CK_OBJECT_HANDLE key,
               const Profile& profile, ByteView aad, ByteView secret,
               Bytes* sealed) {
  std::array<uint8_t, kMaxIvSize> iv_memory = {};
  MutableByteView iv(iv_memory.data(), profile.iv_size);
  const bool iv_in_output =
      profile.iv_source == Profile::IvSource::kDeviceOutput;
  if (profile.iv_source == Profile::IvSource::kHost) {
    // 96 bits from getrandom at the moment of use, for this call alone: a
    // failed call throws them away, and the service rotates a KEK long before
    // 2^32 seals (SP 800-38D 8.3). So no IV meets a KEK twice.
    FillRandom(iv);
  }
  CK_GCM_PARAMS params = GcmParams(iv_in_output ? MutableByteView() : iv, aad);
  CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof params};
  const CK_FUNCTION_LIST& f = session.functions();
  CK_RV rv = f.C_EncryptInit(session.handle(), &mechanism, key);
  if (rv != CKR_OK) return rv;

  // Room for the IV in front, and behind for the device that appends it.
  const size_t body_size = secret.size() + kTagSize;
  Bytes out(profile.iv_size + body_size + kMaxIvSize);
  CK_ULONG size = out.size() - profile.iv_size;
  rv = f.C_Encrypt(session.handle(), Mutable(secret), secret.size(),
                   out.data() + profile.iv_size, &size);
  if (rv != CKR_OK) return rv;
  if (size != body_size + (iv_in_output ? profile.iv_size : 0)) {
    return CKR_FUNCTION_FAILED;
  }
  if (iv_in_output) {
    auto tail = out.begin() + static_cast<long>(profile.iv_size + body_size);
    std::copy_n(tail, profile.iv_size, iv.begin());
  }
  if (IsZero(iv)) return CKR_FUNCTION_FAILED;
  std::copy(iv.begin(), iv.end(), out.begin());
  out.resize(profile.iv_size + body_size);
  *sealed = std::move(out);
  return CKR_OK;
}

CK_RV AeadOpen(const Session& session, CK_OBJECT_HANDLE key,
               const Profile& profile, ByteView aad, ByteView sealed,
               SecretBytes* secret) {
  if (sealed.size() < profile.iv_size + kTagSize) {
    return CKR_ENCRYPTED_DATA_LEN_RANGE;
  }
  std::array<uint8_t, kMaxIvSize> iv_memory = {};
  MutableByteView iv(iv_memory.data(), profile.iv_size);
  std::copy_n(sealed.begin(), profile.iv_size, iv.begin());
  ByteView body = sealed.subspan(profile.iv_size);
  CK_GCM_PARAMS params = GcmParams(iv, aad);
  CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof params};
  const CK_FUNCTION_LIST& f = session.functions();
  CK_RV rv = f.C_DecryptInit(session.handle(), &mechanism, key);
  if (rv != CKR_OK) return rv;

  // As long as the ciphertext: SoftHSM refuses the plaintext's exact length.
  SecretBytes out(body.size());
  CK_ULONG size = out.size();
  rv = f.C_Decrypt(session.handle(), Mutable(body), body.size(),
                   out.ExposeMutable().data(), &size);
  if (rv != CKR_OK) return rv;
  if (size != body.size() - kTagSize) return CKR_FUNCTION_FAILED;
  out.Truncate(size);
  *secret = std::move(out);
  return CKR_OK;
}

}  // namespace strongroom::hsm
