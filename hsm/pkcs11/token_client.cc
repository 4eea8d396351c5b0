#include "hsm/pkcs11/token_client.h"

#include <utility>

#include "hsm/pkcs11/aead.h"
#include "hsm/pkcs11/objects.h"

namespace strongroom::hsm {
namespace {

// A probe is cheap: on an empty token, so many searches for what is gone, of
// 0.2 s each among 10,000 objects.
constexpr int kProbedAtMost = 8;

}  // namespace

TokenClient::TokenClient(std::unique_ptr<Module> module,
                         TokenLink::Options options)
    : link_(std::move(module), keks_, std::move(options)),
      prover_(keks_, link_.profile()),
      signing_keys_(link_) {}

SealAnswer TokenClient::Seal(WorkerSession& worker, const Uuid& kek,
                             ByteView aad, ByteView secret) {
  Bytes sealed;
  std::optional<SealLoss> lost;
  Status status = link_.Run(
      worker, &kek,
      [&](const Session& session) {
        CK_OBJECT_HANDLE handle = 0;
        SR_RETURN_IF_FAILED(prover_.Prove(session, kek, &handle));
        return Step::Of(
            Operation::kSeal,
            AeadSeal(session, handle, link_.profile(), aad, secret, &sealed));
      },
      TokenLink::Access::kUse, &lost);
  if (status.ok()) return sealed;
  if (lost) return SealAnswer::MayHaveSealed(*lost, std::move(status));
  return status;
}

Status TokenClient::Open(WorkerSession& worker, const Uuid& kek, ByteView aad,
                         ByteView sealed, SecretBytes* secret) {
  return link_.Run(worker, &kek, [&](const Session& session) {
    CK_OBJECT_HANDLE handle = 0;
    SR_RETURN_IF_FAILED(prover_.Prove(session, kek, &handle));
    return Step::Of(Operation::kOpen, AeadOpen(session, handle, link_.profile(),
                                               aad, sealed, secret));
  });
}

Status TokenClient::Prove(WorkerSession& worker, const Uuid& id) {
  if (!keks_.Get(id).known_answer) {
    return KekNotOnToken(id, "it was not adopted");
  }
  keks_.Doubt(id);
  return link_.Run(worker, &id, [&](const Session& session) {
    CK_OBJECT_HANDLE handle = 0;
    return prover_.Prove(session, id, &handle);
  });
}

Status TokenClient::List(WorkerSession& worker,
                         std::vector<TokenObject>* objects) {
  return link_.Run(worker, nullptr, [&](const Session& session) {
    // Logged out, the private objects would be missing without a word.
    SR_RETURN_IF_FAILED(CheckLoggedIn(session));
    objects->clear();
    return Step::Of(Operation::kReadAttributes, ListObjects(session, objects));
  });
}

Status TokenClient::Probe(WorkerSession& worker) {
  SR_RETURN_IF_ERROR(link_.Run(worker, nullptr, [&](const Session& session) {
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
  return link_.Run(
      worker, nullptr,
      [&](const Session& session) { return CreateOn(session, id, label); },
      TokenLink::Access::kChange);
}

Status TokenClient::DestroyKek(WorkerSession& worker, const Uuid& id) {
  return link_.Run(
      worker, nullptr,
      [&](const Session& session) { return DestroyOn(session, id); },
      TokenLink::Access::kChange);
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
  Step step = Step::Of(Operation::kGenerate,
                       GenerateKek(session, link_.profile(), id, label,
                                   KekLifetime::kToken, &key));
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
  SR_RETURN_IF_FAILED(FindLoggedIn(session, id, &found));
  for (CK_OBJECT_HANDLE handle : found) {
    CK_RV rv = session.functions().C_DestroyObject(session.handle(), handle);
    if (rv == CKR_OBJECT_HANDLE_INVALID) continue;  // gone: what was wanted
    SR_RETURN_IF_FAILED(Step::Of(Operation::kDestroy, rv));
  }
  SR_RETURN_IF_FAILED(FindLoggedIn(session, id, &found));
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
