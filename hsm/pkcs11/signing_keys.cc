#include "hsm/pkcs11/signing_keys.h"

#include <algorithm>
#include <array>

#include "hsm/pkcs11/attributes.h"
#include "hsm/pkcs11/objects.h"
#include "hsm/pkcs11/return_values.h"

namespace strongroom::hsm {
namespace {

constexpr size_t kPointSize = 65;  // SEC 1, 2.3.3: 4 x y, uncompressed
constexpr uint8_t kUncompressed = 4;
constexpr std::array<uint8_t, 2> kOctetString = {0x04, kPointSize};

// prime256v1 as the DER of its object identifier, 1.2.840.10045.3.1.7.
uint8_t g_p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
// SubjectPublicKeyInfo of RFC 5480 for that curve, up to the point.
constexpr uint8_t kSpkiPrefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a,
                                   0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                   0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
                                   0x01, 0x07, 0x03, 0x42, 0x00};

CK_OBJECT_CLASS g_private_key = CKO_PRIVATE_KEY;
CK_OBJECT_CLASS g_public_key = CKO_PUBLIC_KEY;
CK_KEY_TYPE g_ec = CKK_EC;

constexpr WantedFlag kPrivateFlags[] = {
    {CKA_TOKEN, true, "CKA_TOKEN"},
    {CKA_PRIVATE, true, "CKA_PRIVATE"},
    {CKA_SENSITIVE, true, "CKA_SENSITIVE"},
    {CKA_ALWAYS_SENSITIVE, true, "CKA_ALWAYS_SENSITIVE"},
    {CKA_EXTRACTABLE, false, "CKA_EXTRACTABLE"},
    {CKA_NEVER_EXTRACTABLE, true, "CKA_NEVER_EXTRACTABLE"},
    {CKA_SIGN, true, "CKA_SIGN"},
    {CKA_DECRYPT, false, "CKA_DECRYPT"},
    {CKA_UNWRAP, false, "CKA_UNWRAP"},
    {CKA_DERIVE, false, "CKA_DERIVE"},
};

Status Missing(const Token& token, const std::string& what) {
  return Error(Reason::kHsmCapabilityMissing,
               "token \"" + token.label + "\" (" + token.model + ") " + what +
                   "; signing needs ECDSA on P-256, the rest of the service "
                   "does not");
}

Status NotOnToken(const Uuid& id, const std::string& found) {
  return Error(Reason::kSigningKeyMissing,
               "signing key " + id.ToString() +
                   " is not usable on the token: " + found +
                   "; restore the token or the store that belong together");
}

CK_RV FindHalves(const Session& session, CK_OBJECT_CLASS* half, const Uuid& id,
                 std::vector<CK_OBJECT_HANDLE>* found) {
  CK_ATTRIBUTE wanted[] = {
      {CKA_CLASS, half, sizeof *half},
      {CKA_KEY_TYPE, &g_ec, sizeof g_ec},
      Flag(CKA_TOKEN, true),
      {CKA_ID, Mutable(id.bytes()), Uuid::kSize},
  };
  return session.Find(wanted, found);
}

// The one object with this id, or SIGNING_KEY_MISSING.
Step FindHalf(const Session& session, CK_OBJECT_CLASS* half, const Uuid& id,
              CK_OBJECT_HANDLE* object) {
  std::vector<CK_OBJECT_HANDLE> found;
  SR_RETURN_IF_FAILED(
      Step::Of(Operation::kFind, FindHalves(session, half, id, &found)));
  if (found.size() != 1) {
    return Step::Final(
        NotOnToken(id, std::to_string(found.size()) + " EC " +
                           (half == &g_private_key ? "private" : "public") +
                           " keys have this CKA_ID; want one"));
  }
  *object = found.front();
  return Step::Ok();
}

CK_RV GeneratePair(const Session& session, const Uuid& id,
                   std::string_view label, CK_OBJECT_HANDLE* private_key) {
  CK_ATTRIBUTE public_wanted[] = {
      {CKA_EC_PARAMS, g_p256, sizeof g_p256},
      {CKA_ID, Mutable(id.bytes()), Uuid::kSize},
      {CKA_LABEL, Mutable(AsBytes(label)), label.size()},
      Flag(CKA_TOKEN, true),
      Flag(CKA_PRIVATE, false),
      Flag(CKA_VERIFY, true),
  };
  CK_ATTRIBUTE private_wanted[] = {
      {CKA_ID, Mutable(id.bytes()), Uuid::kSize},
      {CKA_LABEL, Mutable(AsBytes(label)), label.size()},
      Flag(CKA_TOKEN, true),
      Flag(CKA_PRIVATE, true),
      Flag(CKA_SENSITIVE, true),
      Flag(CKA_EXTRACTABLE, false),
      Flag(CKA_SIGN, true),
      Flag(CKA_DECRYPT, false),
      Flag(CKA_UNWRAP, false),
      Flag(CKA_DERIVE, false),
  };
  CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_OBJECT_HANDLE public_key = 0;
  return session.functions().C_GenerateKeyPair(
      session.handle(), &mechanism, public_wanted, std::size(public_wanted),
      private_wanted, std::size(private_wanted), &public_key, private_key);
}

// Tokens show the point as the standard has it, in an OCTET STRING, or bare.
Step ReadPublicKey(const Session& session, const Uuid& id, Bytes* spki) {
  CK_OBJECT_HANDLE object = 0;
  SR_RETURN_IF_FAILED(FindHalf(session, &g_public_key, id, &object));
  Bytes params;
  Bytes point;
  SR_RETURN_IF_FAILED(
      Step::Of(Operation::kReadAttributes,
               session.ReadBytes(object, CKA_EC_PARAMS, &params)));
  SR_RETURN_IF_FAILED(
      Step::Of(Operation::kReadAttributes,
               session.ReadBytes(object, CKA_EC_POINT, &point)));
  ByteView bare = point;
  if (bare.size() == kOctetString.size() + kPointSize &&
      std::ranges::equal(bare.first(kOctetString.size()), kOctetString)) {
    bare = bare.subspan(kOctetString.size());
  }
  if (!std::ranges::equal(params, g_p256) || bare.size() != kPointSize ||
      bare[0] != kUncompressed) {
    return Step::Final(NotOnToken(id, "its public key is none of P-256"));
  }
  spki->assign(std::begin(kSpkiPrefix), std::end(kSpkiPrefix));
  spki->insert(spki->end(), bare.begin(), bare.end());
  return Step::Ok();
}

// Halves of a pair with this label, and nothing else.
Step DestroyPair(const Session& session, const Uuid& id,
                 std::string_view label) {
  std::vector<CK_OBJECT_HANDLE> all;
  std::vector<CK_OBJECT_HANDLE> ours;
  std::vector<CK_OBJECT_HANDLE> half;
  SR_RETURN_IF_FAILED(Step::Of(Operation::kFind, FindById(session, id, &all)));
  for (CK_OBJECT_CLASS* which : {&g_private_key, &g_public_key}) {
    SR_RETURN_IF_FAILED(
        Step::Of(Operation::kFind, FindHalves(session, which, id, &half)));
    ours.insert(ours.end(), half.begin(), half.end());
  }
  for (CK_OBJECT_HANDLE object : all) {
    Bytes found;
    CK_RV rv = session.ReadBytes(object, CKA_LABEL, &found);
    if (rv != CKR_OK && !IsAbsent(rv)) {
      return Step::Of(Operation::kReadAttributes, rv);
    }
    if (std::ranges::find(ours, object) != ours.end() &&
        AsText(found) == label) {
      continue;
    }
    return Step::Final(
        Error(Reason::kConflict, "the token has an object with the id " +
                                     id.ToString() +
                                     " that is no signing key with the label " +
                                     std::string(label) + "; want a fresh id"));
  }
  for (CK_OBJECT_HANDLE object : all) {
    CK_RV rv = session.functions().C_DestroyObject(session.handle(), object);
    if (rv == CKR_OBJECT_HANDLE_INVALID) continue;
    SR_RETURN_IF_FAILED(Step::Of(Operation::kDestroy, rv));
  }
  return Step::Ok();
}

Step CheckMechanism(const Module& module, const Token& token,
                    CK_MECHANISM_TYPE type, const std::string& name,
                    CK_FLAGS flags) {
  CK_MECHANISM_INFO info = {};
  CK_RV rv = module.functions().C_GetMechanismInfo(token.slot, type, &info);
  if (rv == CKR_MECHANISM_INVALID || (rv == CKR_OK && !(info.flags & flags))) {
    return Step::Final(Missing(token, "does not have " + name));
  }
  return Step::Of(Operation::kSessionInfo, rv);
}

Step MakePair(const Session& session, const Token& token,
              const Profile& profile, const Uuid& id, std::string_view label) {
  CK_OBJECT_HANDLE key = 0;
  Step step =
      Step::Of(Operation::kGenerate, GeneratePair(session, id, label, &key));
  if (Classify(step.operation, step.rv, profile) == Cause::kCapability ||
      step.rv == CKR_ATTRIBUTE_VALUE_INVALID ||
      step.rv == CKR_CURVE_NOT_SUPPORTED) {
    return Step::Final(
        Missing(token, "answered " + ReturnValueName(step.rv) +
                           " when asked for the pair of hsm/README.md"));
  }
  if (!step.ok()) return step;
  std::string fault;
  step = Step::Of(Operation::kReadAttributes,
                  CheckFlags(session, key, kPrivateFlags, &fault));
  if (step.ok() && !fault.empty()) {
    step = Step::Final(
        Missing(token, "made a pair whose " + fault + "; it was destroyed"));
  }
  return step;
}

}  // namespace

Status SigningKeys::Make(WorkerSession& worker, const Uuid& id,
                         std::string_view label, Bytes* spki) {
  const auto make = [&](const Session& session) -> Step {
    // Logged out, what is left under this id would not be seen.
    SR_RETURN_IF_FAILED(CheckLoggedIn(session));
    SR_RETURN_IF_FAILED(
        CheckMechanism(link_.module(), link_.token(), CKM_EC_KEY_PAIR_GEN,
                       "CKM_EC_KEY_PAIR_GEN", CKF_GENERATE_KEY_PAIR));
    SR_RETURN_IF_FAILED(CheckMechanism(link_.module(), link_.token(), CKM_ECDSA,
                                       "CKM_ECDSA", CKF_SIGN));
    std::vector<CK_OBJECT_HANDLE> found;
    SR_RETURN_IF_FAILED(
        Step::Of(Operation::kFind, FindById(session, id, &found)));
    if (!found.empty()) {
      return Step::Final(Error(
          Reason::kConflict, "the token has an object with the id " +
                                 id.ToString() + " already; want a fresh id"));
    }
    Step step = MakePair(session, link_.token(), link_.profile(), id, label);
    if (step.ok()) step = ReadPublicKey(session, id, spki);
    if (step.ok()) return step;
    // Nobody had this id a moment ago: what has it now is this call's own.
    const Step cleaned = DestroyPair(session, id, label);
    return cleaned.ok() || !step.status.ok() ? step : cleaned;
  };
  return link_.Run(worker, nullptr, make, TokenLink::Access::kChange);
}

Status SigningKeys::Destroy(WorkerSession& worker, const Uuid& id,
                            std::string_view label) {
  const auto destroy = [&](const Session& session) -> Step {
    SR_RETURN_IF_FAILED(CheckLoggedIn(session));
    return DestroyPair(session, id, label);
  };
  return link_.Run(worker, nullptr, destroy, TokenLink::Access::kChange);
}

Status SigningKeys::PublicKey(WorkerSession& worker, const Uuid& id,
                              Bytes* spki) {
  return link_.Run(worker, nullptr, [&](const Session& session) -> Step {
    SR_RETURN_IF_FAILED(CheckLoggedIn(session));
    return ReadPublicKey(session, id, spki);
  });
}

Status SigningKeys::Sign(WorkerSession& worker, const Uuid& id, ByteView digest,
                         Bytes* signature) {
  return link_.Run(worker, nullptr, [&](const Session& session) -> Step {
    SR_RETURN_IF_FAILED(CheckLoggedIn(session));
    CK_OBJECT_HANDLE key = 0;
    SR_RETURN_IF_FAILED(FindHalf(session, &g_private_key, id, &key));
    CK_MECHANISM mechanism = {CKM_ECDSA, nullptr, 0};
    SR_RETURN_IF_FAILED(Step::Of(
        Operation::kSign,
        session.functions().C_SignInit(session.handle(), &mechanism, key)));
    signature->resize(kP256SignatureSize);
    CK_ULONG size = signature->size();
    SR_RETURN_IF_FAILED(Step::Of(
        Operation::kSign,
        session.functions().C_Sign(session.handle(), Mutable(digest),
                                   digest.size(), signature->data(), &size)));
    if (size == kP256SignatureSize) return Step::Ok();
    return Step::Final(Error(Reason::kHsmUnexpected,
                             "the token gave a signature of " +
                                 std::to_string(size) + " bytes; want 64"));
  });
}

}  // namespace strongroom::hsm
