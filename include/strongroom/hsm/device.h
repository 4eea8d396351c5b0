// Device: the token, as plain ids and bytes. Sessions, handles, mechanisms and
// Cryptoki exist only below this line; DEKs never cross it, batch keys do.
//
// The implementation on a module in this process (hsm_pkcs11) and a fake share
// one contract test; one that speaks to a supervised process can take their
// place. This module knows no PKCS#11: what is above it links none.
// Thread rule: every member may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/hsm/seal_answer.h"

namespace strongroom::hsm {

// What a device may be asked to seal: a batch key or a known answer.
inline constexpr size_t kMaxSecretSize = 64;
// An ECDSA signature on P-256 as the token gives it: r and s, 32 bytes each.
inline constexpr size_t kP256SignatureSize = 64;
inline constexpr size_t kSha256Size = 32;

// DeviceInfo does not change while the device lives.
struct DeviceInfo {
  std::string profile;  // "softhsm", "nss", ...
  std::string module_path;
  std::string token_label;
  std::string token_model;
  std::string token_serial;
  int workers = 1;          // calls that run at once
  size_t iv_size = 12;      // sealed = iv ciphertext tag; 12 or 16
  int partial_batches = 2;  // the profile's advice to the engine
};

// DeviceCondition is what an operator has to know first.
enum class DeviceCondition {
  kWell,
  kKekMissing,     // the token answers, but KEKs are missing or other keys
  kAway,           // it does not answer; tried again and again
  kLoginRefused,   // it refused the PIN; nothing is tried until a restart
  kRestartWanted,  // too many calls hang inside the module
};

// DeviceHealth is a reading at one moment.
struct DeviceHealth {
  DeviceCondition condition = DeviceCondition::kWell;
  std::string detail;  // for people; empty when well
  size_t keks_adopted = 0;
  size_t keks_missing = 0;  // of these, when last used, proved or probed
  int sessions_open = 0;    // the idle one that keeps the login included
  uint64_t operations = 0;  // seals and opens that reached the token
  uint64_t sessions_replaced = 0;
  uint64_t logins = 0;

  bool healthy() const { return condition == DeviceCondition::kWell; }
  // usable: some KEK can be used, as far as known.
  bool usable() const {
    return healthy() || (condition == DeviceCondition::kKekMissing &&
                         keks_missing < keks_adopted);
  }
};

// TokenObject is one object on the token as the operator sees it.
struct TokenObject {
  Bytes id;  // CKA_ID; empty if none
  std::string label;
  std::string object_class;  // "secret-key", "private-key", "unreadable", ...
  std::string key_type;      // "AES-256", ...
  bool sensitive = false;
  bool extractable = true;
  bool never_extractable = false;
  bool modifiable = true;
  // False: it says that the token did not generate it, or not to the end.
  bool local = true;
};

// KnownAnswer proves that a KEK is the one it should be: `sealed` was made by
// Seal under it with `aad`, and no other key opens it.
struct KnownAnswer {
  Bytes aad;
  Bytes sealed;
};

// KekReference is what an owner of KEKs knows of one.
struct KekReference {
  Uuid id;  // CKA_ID
  KnownAnswer known_answer;
};

// CheckDigest is ARGUMENT_INVALID for what cannot be a SHA-256 digest.
Status CheckDigest(ByteView sha256);

class Device {
 public:
  using SealDone = std::function<void(SealAnswer)>;
  using OpenDone = std::function<void(StatusOr<SecretBytes>)>;

  virtual ~Device() = default;

  virtual const DeviceInfo& info() const = 0;
  virtual DeviceHealth Health() const = 0;

  // Seal queues one token operation: AES-256-GCM of `secret` (at most 64 bytes)
  // under the KEK, authenticating `aad`, giving iv ciphertext tag. The IV is 96
  // bits from getrandom or the device's own. Inputs are copied and the copies
  // wiped. `done` runs exactly once, on a device thread (or on this one, if the
  // device refuses at once), after the session was given back; it must not
  // block for long. The device makes at most one seal under the KEK for each
  // call; see SealAnswer for what it says when the token lost that one.
  // Failures: KEK_NOT_ON_TOKEN, HSM_BUSY, HSM_UNAVAILABLE, HSM_LOGIN_REFUSED,
  // HSM_UNEXPECTED, DEADLINE_EXCEEDED.
  virtual void Seal(const Uuid& kek, ByteView aad, ByteView secret,
                    SteadyTime deadline, SealDone done) = 0;

  // Open is the inverse. NOT_AUTHENTIC whenever the data does not open, after
  // the device proved with the KEK's known answer that it is well itself. The
  // device repeats it by itself after a loss.
  virtual void Open(const Uuid& kek, ByteView aad, ByteView sealed,
                    SteadyTime deadline, OpenDone done) = 0;

  // CreateKek generates an AES-256 KEK on the token with CKA_ID = id and
  // CKA_LABEL = label: token, private, sensitive, never extractable, not
  // modifiable, encrypt and decrypt only. Blocks. CONFLICT if the id exists.
  virtual Status CreateKek(const Uuid& id, std::string_view label) = 0;

  // Adopt makes the device know a KEK's known answer. The KEK is proved with it
  // before its first use and whenever the device doubts. Replaces an earlier
  // one.
  virtual void Adopt(const KekReference& kek) = 0;
  // Forget drops handle and known answer; the object stays on the token, and
  // the KEK is not used (KEK_NOT_ON_TOKEN) until it is adopted again.
  virtual void Forget(const Uuid& id) = 0;
  // Prove runs the known answer of an adopted KEK now. KEK_NOT_ON_TOKEN if
  // the object is missing or is another key. Blocks.
  virtual Status Prove(const Uuid& id) = 0;

  // DestroyKek destroys the object with this CKA_ID and verifies that it is
  // gone. OK if it was not there. The caller must own the KEK. Blocks.
  virtual Status DestroyKek(const Uuid& id) = 0;

  // MakeSigningKey generates an ECDSA P-256 pair: both halves with CKA_ID = id
  // and CKA_LABEL = label, the private one private, sensitive, never
  // extractable, for signing only. Gives the public key as the DER of a
  // SubjectPublicKeyInfo (RFC 5480). CONFLICT if the id exists.
  // HSM_CAPABILITY_MISSING if the token has no such keys, as here, for devices
  // without them. Blocks.
  virtual StatusOr<Bytes> MakeSigningKey(const Uuid& id,
                                         std::string_view label);
  // DestroySigningKey destroys the pair, or what there is of it. OK if nothing
  // was there; CONFLICT, and nothing is destroyed, if anything has the id that
  // is no half of a pair with this label. The caller must own it. Blocks.
  virtual Status DestroySigningKey(const Uuid& id, std::string_view label);
  // SigningPublicKey reads that public key again. SIGNING_KEY_MISSING,
  // here too for devices without such keys. Blocks.
  virtual StatusOr<Bytes> SigningPublicKey(const Uuid& id);
  // Sign gives the ECDSA signature of a SHA-256 digest, 64 bytes, r and s. The
  // token makes its nonce. ARGUMENT_INVALID for a digest of another size;
  // SIGNING_KEY_MISSING as above. Blocks.
  virtual StatusOr<Bytes> Sign(const Uuid& id, ByteView sha256);

  // List enumerates every object the session can see, ours or not. Blocks.
  virtual StatusOr<std::vector<TokenObject>> List() = 0;

  // Probe asks whether the token is logged in and proves one adopted KEK, each
  // time another; if that is missing, the next, up to 8. KEK_NOT_ON_TOKEN if
  // one was. Health tells of what it found. Blocks.
  virtual Status Probe() = 0;

  // Shutdown lets running calls end, refuses the rest (DRAINING) and logs out.
  // False if a call outlived `until`: then the process must _exit, not return.
  virtual bool Shutdown(SteadyTime until) = 0;
};

}  // namespace strongroom::hsm
