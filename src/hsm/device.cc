// What a Device answers that has no signing keys.
#include "strongroom/hsm/device.h"

namespace strongroom::hsm {

Status CheckDigest(ByteView sha256) {
  if (sha256.size() == kSha256Size) return OkStatus();
  return Error(Reason::kArgumentInvalid, "the digest to sign has " +
                                             std::to_string(sha256.size()) +
                                             " bytes; want the 32 of SHA-256");
}

StatusOr<Bytes> Device::MakeSigningKey(const Uuid&, std::string_view) {
  return Error(Reason::kHsmCapabilityMissing,
               "device " + info().profile + " has no keys to sign with");
}

Status Device::DestroySigningKey(const Uuid&, std::string_view) {
  return OkStatus();
}

StatusOr<Bytes> Device::SigningPublicKey(const Uuid& id) {
  return Error(Reason::kSigningKeyMissing,
               "signing key " + id.ToString() + " is not there: device " +
                   info().profile + " has no keys to sign with");
}

StatusOr<Bytes> Device::Sign(const Uuid& id, ByteView sha256) {
  SR_RETURN_IF_ERROR(CheckDigest(sha256));
  return SigningPublicKey(id);
}

}  // namespace strongroom::hsm
