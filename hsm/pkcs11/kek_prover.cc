#include "hsm/pkcs11/kek_prover.h"

#include "hsm/pkcs11/aead.h"
#include "hsm/pkcs11/objects.h"
#include "hsm/pkcs11/self_test.h"
#include "hsm/pkcs11/token_link.h"

namespace strongroom::hsm {
namespace {

// Each is a call on the token. More keys with one CKA_ID are nobody's accident.
constexpr size_t kMostCandidates = 16;

}  // namespace

Step KekProver::Prove(const Session& session, const Uuid& kek,
                      CK_OBJECT_HANDLE* handle) {
  const KekTable::Entry entry = keks_.Get(kek);
  if (entry.forgotten) {
    return Step::Final(
        KekNotOnToken(kek, "it was forgotten and not adopted again"));
  }
  if (entry.refuted) {
    return Step::Final(
        KekNotOnToken(kek, "the object with its CKA_ID is another key"));
  }
  if (entry.handle && (entry.proved || !entry.known_answer)) {
    *handle = *entry.handle;
    return Step::Ok();
  }

  Proof proof = Proof::kOtherKey;
  if (entry.handle) {
    SR_RETURN_IF_FAILED(ProveOneOf(session, *entry.known_answer,
                                   {*entry.handle}, handle, &proof));
  }
  if (proof != Proof::kProved) {
    std::vector<CK_OBJECT_HANDLE> found;
    SR_RETURN_IF_FAILED(FindLoggedIn(session, kek, &found));
    if (found.empty()) {
      keks_.MarkMissing(kek, entry);
      return Step::Final(KekNotOnToken(kek, "no AES key has this CKA_ID"));
    }
    if (found.size() > (entry.known_answer ? kMostCandidates : 1)) {
      return Step::Final(KekNotOnToken(
          kek, std::to_string(found.size()) + " keys have this CKA_ID"));
    }
    if (!entry.known_answer) {
      *handle = found.front();
      keks_.SetHandle(kek, *handle, entry);
      return Step::Ok();
    }
    SR_RETURN_IF_FAILED(
        ProveOneOf(session, *entry.known_answer, found, handle, &proof));
    if (proof != Proof::kProved) return Refute(session, kek, entry, proof);
  }
  keks_.MarkProved(kek, *handle, entry);
  return Step::Ok();
}

Step KekProver::ProveOneOf(const Session& session,
                           const KnownAnswer& known_answer,
                           const std::vector<CK_OBJECT_HANDLE>& handles,
                           CK_OBJECT_HANDLE* proved, Proof* proof) const {
  *proof = Proof::kOtherKey;
  for (CK_OBJECT_HANDLE handle : handles) {
    SecretBytes opened;
    Step step = Step::Of(Operation::kOpen,
                         AeadOpen(session, handle, profile_, known_answer.aad,
                                  known_answer.sealed, &opened));
    switch (Classify(step.operation, step.rv, profile_)) {
      case Cause::kOk:
        *proved = handle;
        *proof = Proof::kProved;
        return Step::Ok();
      case Cause::kNotAuthentic:
      case Cause::kHandleInvalid:
        continue;
      case Cause::kDataOrDevice:
        *proof = Proof::kUnclear;
        continue;
      default:
        return step;
    }
  }
  return Step::Ok();
}

Step KekProver::Refute(const Session& session, const Uuid& kek,
                       const KekTable::Entry& entry, Proof proof) {
  // CKR_GENERAL_ERROR may be another key, or a device that fails. A key of our
  // own tells; not a seal under this one, whose seals its owner counts.
  if (proof == Proof::kUnclear && !RunSelfTest(session, profile_).ok()) {
    return Step::Of(Operation::kOpen, CKR_FUNCTION_FAILED);
  }
  // Remembered: to find that out costs a session key each time.
  keks_.MarkRefuted(kek, entry);
  return Step::Final(
      KekNotOnToken(kek, "the object with its CKA_ID is another key"));
}

}  // namespace strongroom::hsm
