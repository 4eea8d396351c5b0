#include "hsm/pkcs11/self_test.h"

#include <algorithm>

#include "hsm/pkcs11/aead.h"
#include "hsm/pkcs11/classify.h"
#include "hsm/pkcs11/objects.h"
#include "hsm/pkcs11/return_values.h"

namespace strongroom::hsm {
namespace {

Status Missing(const std::string& found) {
  return Error(Reason::kHsmCapabilityMissing, found);
}

Status CheckMechanism(const Module& module, const Token& token,
                      CK_MECHANISM_TYPE type, const std::string& name,
                      CK_FLAGS flags, const std::string& uses) {
  CK_MECHANISM_INFO info = {};
  CK_RV rv = module.functions().C_GetMechanismInfo(token.slot, type, &info);
  const std::string who =
      "token \"" + token.label + "\" (" + token.model + ") ";
  if (rv != CKR_OK) {
    return Missing(who + "does not have " + name +
                   ": C_GetMechanismInfo "
                   "answered " +
                   ReturnValueName(rv) +
                   "; Strongroom needs a token with AES-256-GCM");
  }
  if ((info.flags & flags) != flags) {
    return Missing(who + "has " + name + " but not for " + uses +
                   "; want a token or firmware that offers it");
  }
  return OkStatus();
}

// A temporary KEK, destroyed whatever happens.
class SessionKek {
 public:
  SessionKek(const Session& session, CK_OBJECT_HANDLE handle)
      : session_(session), handle_(handle) {}
  ~SessionKek() {
    session_.functions().C_DestroyObject(session_.handle(), handle_);
  }
  SessionKek(const SessionKek&) = delete;
  SessionKek& operator=(const SessionKek&) = delete;
  CK_OBJECT_HANDLE handle() const { return handle_; }

 private:
  const Session& session_;
  CK_OBJECT_HANDLE handle_;
};

constexpr uint8_t kSecret[32] = {0x53,
                                 0x52};  // not a secret: never leaves here
constexpr uint8_t kAad[] = {'s', 'e', 'l', 'f', '-', 't', 'e', 's', 't'};

StatusOr<Bytes> TestSeal(const Session& session, CK_OBJECT_HANDLE key,
                         const Profile& profile) {
  Bytes sealed;
  CK_RV rv = AeadSeal(session, key, profile, kAad, kSecret, &sealed);
  if (rv != CKR_OK) {
    return Missing("self-test: sealing answered " + ReturnValueName(rv) +
                   "; want iv, ciphertext and tag as profile " + profile.name +
                   " says");
  }
  return sealed;
}

Status TestOpen(const Session& session, CK_OBJECT_HANDLE key,
                const Profile& profile, ByteView sealed) {
  SecretBytes opened;
  CK_RV rv = AeadOpen(session, key, profile, kAad, sealed, &opened);
  if (rv != CKR_OK) {
    return Missing("self-test: opening what was just sealed answered " +
                   ReturnValueName(rv));
  }
  if (!EqualConstantTime(opened.Expose(), kSecret)) {
    return Missing("self-test: opening gave other bytes than were sealed");
  }
  return OkStatus();
}

Status TestRefusal(const Session& session, CK_OBJECT_HANDLE key,
                   const Profile& profile, ByteView aad, ByteView sealed,
                   const std::string& what) {
  SecretBytes opened;
  CK_RV rv = AeadOpen(session, key, profile, aad, sealed, &opened);
  if (rv == CKR_OK) {
    return Missing("self-test: the token opened data with a changed " + what +
                   "; it does not authenticate");
  }
  Cause cause = Classify(Operation::kOpen, rv, profile);
  if (cause != Cause::kNotAuthentic && cause != Cause::kDataOrDevice) {
    return Missing("self-test: a changed " + what + " was answered with " +
                   ReturnValueName(rv) + ", which profile " + profile.name +
                   " does not take for a refusal");
  }
  return OkStatus();
}

Status TestRefusals(const Session& session, CK_OBJECT_HANDLE key,
                    const Profile& profile, const Bytes& sealed) {
  Bytes changed = sealed;
  changed[profile.iv_size] ^= 1;
  SR_RETURN_IF_ERROR(
      TestRefusal(session, key, profile, kAad, changed, "ciphertext"));
  changed = sealed;
  changed.back() ^= 1;
  SR_RETURN_IF_ERROR(TestRefusal(session, key, profile, kAad, changed, "tag"));
  return TestRefusal(session, key, profile, {}, sealed, "aad");
}

}  // namespace

Status CheckMechanisms(const Module& module, const Token& token) {
  SR_RETURN_IF_ERROR(CheckMechanism(module, token, CKM_AES_GCM, "CKM_AES_GCM",
                                    CKF_ENCRYPT | CKF_DECRYPT,
                                    "encryption and decryption"));
  return CheckMechanism(module, token, CKM_AES_KEY_GEN, "CKM_AES_KEY_GEN",
                        CKF_GENERATE, "key generation");
}

Status RunSelfTest(const Session& session, const Profile& profile) {
  CK_OBJECT_HANDLE handle = 0;
  CK_RV rv =
      GenerateKek(session, profile, Uuid::Random(), "strongroom/self-test",
                  KekLifetime::kSession, &handle);
  if (rv != CKR_OK) {
    return Missing("self-test: generating an AES-256 session key answered " +
                   ReturnValueName(rv) +
                   "; want session objects, and the "
                   "attributes of hsm/README.md");
  }
  SessionKek key(session, handle);
  SR_ASSIGN_OR_RETURN(Bytes one, TestSeal(session, key.handle(), profile));
  SR_ASSIGN_OR_RETURN(Bytes two, TestSeal(session, key.handle(), profile));
  if (std::equal(one.begin(), one.begin() + profile.iv_size, two.begin())) {
    return Missing("self-test: two seals had the same IV; want fresh ones");
  }
  SR_RETURN_IF_ERROR(TestOpen(session, key.handle(), profile, one));
  SR_RETURN_IF_ERROR(TestOpen(session, key.handle(), profile, two));
  return TestRefusals(session, key.handle(), profile, one);
}

}  // namespace strongroom::hsm
