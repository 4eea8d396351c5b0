// KekProver: the handle of a KEK, proved by its known answer.
#pragma once

#include <vector>

#include "hsm/pkcs11/kek_table.h"
#include "hsm/pkcs11/session.h"
#include "hsm/pkcs11/step.h"
#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

// KekProver is thread-safe, as its table is. Its members block in the token.
class KekProver {
 public:
  // Both outlive it.
  KekProver(KekTable& keks, const Profile& profile)
      : keks_(keks), profile_(profile) {}

  // Prove gives the KEK's handle: the one that is known, or else the one that
  // its CKA_ID finds; proved, if there is a known answer to prove it with. The
  // step ends KEK_NOT_ON_TOKEN if there is none.
  Step Prove(const Session& session, const Uuid& kek, CK_OBJECT_HANDLE* handle);

 private:
  enum class Proof { kProved, kOtherKey, kUnclear };
  Step ProveOneOf(const Session& session, const KnownAnswer& known_answer,
                  const std::vector<CK_OBJECT_HANDLE>& handles,
                  CK_OBJECT_HANDLE* proved, Proof* proof) const;
  Step Refute(const Session& session, const Uuid& kek,
              const KekTable::Entry& entry, Proof proof);

  KekTable& keks_;
  const Profile& profile_;
};

}  // namespace strongroom::hsm
