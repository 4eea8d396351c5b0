// SigningKey: this installation's P-256 pair on the token, and what it signs.
//
// The pair is made when it is first wanted. Its id is in the store before it is
// on the token, so that a crash leaves nothing that nobody owns; once its
// public key is in the store it is never made again: a key that is missing on
// the token is an error, not a reason for another one. Thread rule: every
// member may be called from any thread. All block.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/status.h"
#include "strongroom/hsm/device.h"
#include "strongroom/store/store.h"

namespace strongroom::keyring {

// SigningLabel is the CKA_LABEL of both halves:
// "strongroom/<installation id>/signing/v1".
std::string SigningLabel(const Uuid& installation);
// InstallationOfSigningLabel is its inverse; nullopt for other labels.
std::optional<Uuid> InstallationOfSigningLabel(std::string_view label);
// SigningKeyIdIn gives the CKA_ID that the store has recorded, of a pair that
// is made or in the making. STORE_CORRUPT.
StatusOr<std::optional<Uuid>> SigningKeyIdIn(store::ReadTransaction& t);

// SigningPair is a pair that is on the token whole.
struct SigningPair {
  Uuid id;
  Bytes spki;  // the public half, DER
};
// SigningPairIn gives the one that the store has recorded. STORE_CORRUPT.
StatusOr<std::optional<SigningPair>> SigningPairIn(store::ReadTransaction& t);
// AdoptSigningPair records one that is on the token.
Status AdoptSigningPair(store::Transaction& t, const SigningPair& pair);
// SigningPairsOn gives what is on the token, by the installation of its label.
StatusOr<std::multimap<Uuid, SigningPair>> SigningPairsOn(hsm::Device& device);
// SignWith gives a signed document; fails as SigningKey::Sign.
StatusOr<std::string> SignWith(hsm::Device& device, const SigningPair& pair,
                               std::string_view payload_type, ByteView payload);

class SigningKey {
 public:
  // Both outlive it.
  SigningKey(store::Store& store, hsm::Device& device)
      : store_(store), device_(device) {}

  // PublicKey gives the SubjectPublicKeyInfo, DER; it makes the pair if there
  // is none. HSM_CAPABILITY_MISSING if the token has no ECDSA on P-256,
  // CONFLICT if another process is making it, and what the store and the device
  // answer.
  StatusOr<Bytes> PublicKey() SR_EXCLUDES(mutex_);
  // Export gives it as text: its id, as signed documents name it, and PEM.
  struct Exported {
    std::string key_id;
    std::string pem;
  };
  StatusOr<Exported> Export() SR_EXCLUDES(mutex_);

  // Sign gives `payload` as a signed document (signing/dsse.h). As PublicKey,
  // and SIGNING_KEY_MISSING; HSM_UNEXPECTED if what the token signed does not
  // verify with the public key that the store has.
  StatusOr<std::string> Sign(std::string_view payload_type, ByteView payload)
      SR_EXCLUDES(mutex_);

 private:
  StatusOr<SigningPair> Ensure() SR_EXCLUDES(mutex_);
  StatusOr<SigningPair> Make(store::Lease* lease) SR_REQUIRES(mutex_);

  store::Store& store_;
  hsm::Device& device_;
  Mutex mutex_;
  std::optional<SigningPair> pair_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::keyring
