// What TokenClient does on a session once it has one; token_client.cc has the
// recovery around it.
#include "hsm/pkcs11/aead.h"
#include "hsm/pkcs11/objects.h"
#include "hsm/pkcs11/self_test.h"
#include "hsm/pkcs11/token_client.h"

namespace strongroom::hsm {
namespace {

// A probe is cheap: on an empty token, so many searches for what is gone, of
// 0.2 s each among 10,000 objects.
constexpr int kProbedAtMost = 8;

}  // namespace

SealAnswer TokenClient::Seal(WorkerSession& worker, const Uuid& kek,
                             ByteView aad, ByteView secret) {
  Bytes sealed;
  std::optional<SealLoss> lost;
  Status status = Run(
      worker, &kek,
      [&](const Session& session) {
        CK_OBJECT_HANDLE handle = 0;
        SR_RETURN_IF_FAILED(ProvedHandle(session, kek, &handle));
        return Step::Of(Operation::kSeal, AeadSeal(session, handle, profile_,
                                                   aad, secret, &sealed));
      },
      Access::kUse, &lost);
  if (status.ok()) return sealed;
  if (lost) return SealAnswer::MayHaveSealed(*lost, std::move(status));
  return status;
}

Status TokenClient::Open(WorkerSession& worker, const Uuid& kek, ByteView aad,
                         ByteView sealed, SecretBytes* secret) {
  return Run(worker, &kek, [&](const Session& session) {
    CK_OBJECT_HANDLE handle = 0;
    SR_RETURN_IF_FAILED(ProvedHandle(session, kek, &handle));
    return Step::Of(Operation::kOpen,
                    AeadOpen(session, handle, profile_, aad, sealed, secret));
  });
}

Status TokenClient::Prove(WorkerSession& worker, const Uuid& id) {
  if (!keks_.Get(id).known_answer) {
    return KekNotOnToken(id, "it was not adopted");
  }
  keks_.Doubt(id);
  return Run(worker, &id, [&](const Session& session) {
    CK_OBJECT_HANDLE handle = 0;
    return ProvedHandle(session, id, &handle);
  });
}

Status TokenClient::List(WorkerSession& worker,
                         std::vector<TokenObject>* objects) {
  return Run(worker, nullptr, [&](const Session& session) {
    // Logged out, the private objects would be missing without a word.
    SR_RETURN_IF_FAILED(CheckLoggedIn(session));
    objects->clear();
    return Step::Of(Operation::kReadAttributes, ListObjects(session, objects));
  });
}

Status TokenClient::Probe(WorkerSession& worker) {
  SR_RETURN_IF_ERROR(Run(worker, nullptr, [&](const Session& session) {
    return CheckLoggedIn(session);
  }));
  // Where one KEK is missing, all may be: on to the first that is there.
  Status missing;
  for (int i = 0; i < kProbedAtMost; ++i) {
    const std::optional<Uuid> kek = keks_.NextToProbe();
    if (!kek) break;
    Status proved = Prove(worker, *kek);
    if (proved.ok()) break;
    if (ReasonOf(proved) != Reason::kKekNotOnToken) return proved;
    missing = std::move(proved);
  }
  return missing;
}

Status TokenClient::CreateKek(WorkerSession& worker, const Uuid& id,
                              std::string_view label) {
  return Run(
      worker, nullptr,
      [&](const Session& session) { return CreateOn(session, id, label); },
      Access::kChange);
}

Status TokenClient::DestroyKek(WorkerSession& worker, const Uuid& id) {
  return Run(
      worker, nullptr,
      [&](const Session& session) { return DestroyOn(session, id); },
      Access::kChange);
}

Step TokenClient::FindHandles(const Session& session, const Uuid& kek,
                              std::vector<CK_OBJECT_HANDLE>* handles) {
  // Logged out, a KEK that is there would look as if it were not.
  SR_RETURN_IF_FAILED(CheckLoggedIn(session));
  return Step::Of(Operation::kFind, FindKeks(session, kek, handles));
}

Step TokenClient::ProvedHandle(const Session& session, const Uuid& kek,
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
    SR_RETURN_IF_FAILED(FindHandles(session, kek, &found));
    if (found.empty()) {
      keks_.MarkMissing(kek, entry);
      return Step::Final(KekNotOnToken(kek, "no AES key has this CKA_ID"));
    }
    if (!entry.known_answer) {
      if (found.size() > 1) {
        return Step::Final(KekNotOnToken(
            kek, std::to_string(found.size()) + " keys have this CKA_ID"));
      }
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

Step TokenClient::ProveOneOf(const Session& session,
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

Step TokenClient::Refute(const Session& session, const Uuid& kek,
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

Step TokenClient::CreateOn(const Session& session, const Uuid& id,
                           std::string_view label) {
  // Logged out, an object with this id would not be seen.
  SR_RETURN_IF_FAILED(CheckLoggedIn(session));
  std::vector<CK_OBJECT_HANDLE> found;
  SR_RETURN_IF_FAILED(
      Step::Of(Operation::kFind, FindById(session, id, &found)));
  if (!found.empty()) {
    return Step::Final(Error(Reason::kConflict,
                             "the token has an object with the id " +
                                 id.ToString() + " already; want a fresh id"));
  }

  CK_OBJECT_HANDLE key = 0;
  Step step = Step::Of(
      Operation::kGenerate,
      GenerateKek(session, profile_, id, label, KekLifetime::kToken, &key));
  if (step.ok()) {
    std::string fault;
    step = Step::Of(Operation::kReadAttributes,
                    VerifyKek(session, key, id, &fault));
    if (step.ok() && !fault.empty()) {
      step = Step::Final(
          Error(Reason::kHsmCapabilityMissing,
                "the token made a KEK whose " + fault + "; it was destroyed"));
    }
  }
  if (step.ok()) {
    keks_.Created(id, key);
    return step;
  }
  // Nobody had this id a moment ago: what has it now is this call's own.
  if (FindKeks(session, id, &found) == CKR_OK) {
    for (CK_OBJECT_HANDLE handle : found) {
      session.functions().C_DestroyObject(session.handle(), handle);
    }
  }
  return step;
}

Step TokenClient::DestroyOn(const Session& session, const Uuid& id) {
  std::vector<CK_OBJECT_HANDLE> found;
  SR_RETURN_IF_FAILED(FindHandles(session, id, &found));
  for (CK_OBJECT_HANDLE handle : found) {
    CK_RV rv = session.functions().C_DestroyObject(session.handle(), handle);
    if (rv == CKR_OBJECT_HANDLE_INVALID) continue;  // gone: what was wanted
    SR_RETURN_IF_FAILED(Step::Of(Operation::kDestroy, rv));
  }
  SR_RETURN_IF_FAILED(FindHandles(session, id, &found));
  if (!found.empty()) {
    return Step::Final(Error(
        Reason::kHsmUnexpected,
        "the token says that KEK " + id.ToString() +
            " was destroyed, but still has it; destroy it with its own tools"));
  }
  keks_.Destroyed(id);
  return Step::Ok();
}

}  // namespace strongroom::hsm
