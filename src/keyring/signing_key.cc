#include "strongroom/keyring/signing_key.h"

#include <utility>

#include "strongroom/base/crash_points.h"
#include "strongroom/signing/dsse.h"

namespace strongroom::keyring {
namespace {

// The first is written before the pair is made, the second when it is.
constexpr char kIdSetting[] = "signing_key_id";
constexpr char kPublicKeySetting[] = "signing_public_key";
constexpr std::string_view kLabelBegin = "strongroom/";
constexpr std::string_view kLabelEnd = "/signing/v1";
constexpr char kLeaseName[] = "signing-key";
// Longer than a device takes to answer.
constexpr std::chrono::seconds kLeaseTime{60};

Status Corrupt(std::string_view setting) {
  return Error(Reason::kStoreCorrupt,
               "the store's setting " + std::string(setting) +
                   " cannot be read; restore a backup of the store");
}

StatusOr<std::optional<Bytes>> ReadPublicKey(store::ReadTransaction& t) {
  SR_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                      t.GetSetting(kPublicKeySetting));
  if (!text) return std::optional<Bytes>();
  std::optional<Bytes> spki = FromHex(*text);
  if (!spki || spki->empty()) return Corrupt(kPublicKeySetting);
  return spki;
}

}  // namespace

std::string SigningLabel(const Uuid& installation) {
  return std::string(kLabelBegin) + installation.ToString() +
         std::string(kLabelEnd);
}

std::optional<Uuid> InstallationOfSigningLabel(std::string_view label) {
  if (!label.starts_with(kLabelBegin) || !label.ends_with(kLabelEnd) ||
      label.size() < kLabelBegin.size() + kLabelEnd.size()) {
    return std::nullopt;
  }
  label.remove_prefix(kLabelBegin.size());
  label.remove_suffix(kLabelEnd.size());
  const StatusOr<Uuid> id = Uuid::Parse(label);
  if (!id.ok() || id->ToString() != label) return std::nullopt;
  return *id;
}

StatusOr<std::optional<Uuid>> SigningKeyIdIn(store::ReadTransaction& t) {
  SR_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                      t.GetSetting(kIdSetting));
  if (!text) return std::optional<Uuid>();
  StatusOr<Uuid> id = Uuid::Parse(*text);
  if (!id.ok()) return Corrupt(kIdSetting);
  return std::optional<Uuid>(*id);
}

StatusOr<std::optional<SigningPair>> SigningPairIn(store::ReadTransaction& t) {
  SR_ASSIGN_OR_RETURN(const std::optional<Uuid> id, SigningKeyIdIn(t));
  SR_ASSIGN_OR_RETURN(const std::optional<Bytes> spki, ReadPublicKey(t));
  if (!spki) return std::optional<SigningPair>();
  if (!id) return Corrupt(kIdSetting);
  return std::optional<SigningPair>({*id, *spki});
}

Status AdoptSigningPair(store::Transaction& t, const SigningPair& pair) {
  SR_RETURN_IF_ERROR(t.PutSetting(kIdSetting, pair.id.ToString()));
  return t.PutSetting(kPublicKeySetting, ToHex(pair.spki));
}

StatusOr<std::multimap<Uuid, SigningPair>> SigningPairsOn(hsm::Device& device) {
  SR_ASSIGN_OR_RETURN(const std::vector<hsm::TokenObject> objects,
                      device.List());
  std::multimap<Uuid, SigningPair> pairs;
  for (const hsm::TokenObject& object : objects) {
    const auto installation = InstallationOfSigningLabel(object.label);
    const StatusOr<Uuid> id = Uuid::FromBytes(object.id);
    if (!installation || !id.ok() || object.object_class != "private-key") {
      continue;
    }
    StatusOr<Bytes> spki = device.SigningPublicKey(*id);
    // Half a pair is none.
    if (ReasonOf(spki.status()) == Reason::kSigningKeyMissing) continue;
    SR_RETURN_IF_ERROR(spki.status());
    pairs.emplace(*installation, SigningPair{*id, *std::move(spki)});
  }
  return pairs;
}

StatusOr<std::string> SignWith(hsm::Device& device, const SigningPair& pair,
                               std::string_view payload_type,
                               ByteView payload) {
  SR_ASSIGN_OR_RETURN(
      const Bytes signature,
      device.Sign(pair.id, signing::DigestOf(payload_type, payload)));
  return signing::MakeEnvelope(payload_type, payload, pair.spki, signature);
}

StatusOr<Bytes> SigningKey::PublicKey() {
  SR_ASSIGN_OR_RETURN(SigningPair pair, Ensure());
  return std::move(pair.spki);
}

StatusOr<SigningKey::Exported> SigningKey::Export() {
  SR_ASSIGN_OR_RETURN(const SigningPair pair, Ensure());
  return Exported{signing::KeyIdOf(pair.spki),
                  signing::PublicKeyToPem(pair.spki)};
}

StatusOr<std::string> SigningKey::Sign(std::string_view payload_type,
                                       ByteView payload) {
  SR_ASSIGN_OR_RETURN(const SigningPair pair, Ensure());
  return SignWith(device_, pair, payload_type, payload);
}

StatusOr<SigningPair> SigningKey::Ensure() {
  // Held while the token makes the pair: whoever else wants it waits for that.
  MutexLock lock(mutex_);
  if (pair_) return *pair_;
  store::Lease lease;
  StatusOr<SigningPair> pair = Make(&lease);
  if (pair.ok()) {
    pair_ = *pair;
    return pair;
  }
  // Best effort: it runs out by itself.
  (void)store_.Update(
      [&](store::Transaction& t) { return t.ReleaseLease(lease); });
  return pair;
}

StatusOr<SigningPair> SigningKey::Make(store::Lease* lease) {
  SigningPair pair;
  std::optional<Uuid> unfinished;
  const auto begin = [&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const std::optional<SigningPair> made,
                        SigningPairIn(t));
    if (made) {
      pair = *made;
      return OkStatus();
    }
    pair = {Uuid::Random(), {}};
    SR_ASSIGN_OR_RETURN(unfinished, SigningKeyIdIn(t));
    SR_ASSIGN_OR_RETURN(*lease, t.TakeLease(kLeaseName, kLeaseTime));
    return OkStatus();
  };
  SR_RETURN_IF_ERROR(store_.Update(begin));
  if (!pair.spki.empty()) return pair;
  const std::string label = SigningLabel(store_.installation_id());
  // Another id each time: a call that hangs in the token and comes back late
  // must find nothing under its own.
  if (unfinished) {
    SR_RETURN_IF_ERROR(device_.DestroySigningKey(*unfinished, label));
  }
  CrashPoint("signing/begin");
  SR_RETURN_IF_ERROR(store_.Update([&](store::Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.CheckLease(*lease));
    return t.PutSetting(kIdSetting, pair.id.ToString());
  }));
  CrashPoint("signing/recorded");
  SR_ASSIGN_OR_RETURN(pair.spki, device_.MakeSigningKey(pair.id, label));
  CrashPoint("signing/object");
  SR_RETURN_IF_ERROR(store_.Update([&](store::Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.CheckLease(*lease));
    SR_RETURN_IF_ERROR(AdoptSigningPair(t, pair));
    return t.ReleaseLease(*lease);
  }));
  CrashPoint("signing/stored");
  return pair;
}

}  // namespace strongroom::keyring
