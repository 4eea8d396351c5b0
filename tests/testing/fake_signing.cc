#include "tests/testing/fake_signing.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "strongroom/hsm/device.h"

namespace strongroom::testing {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

constexpr int kNumberSize = 32;

Bytes PublicHalf(EVP_PKEY* key) {
  Bytes spki(i2d_PUBKEY(key, nullptr));
  uint8_t* to = spki.data();
  i2d_PUBKEY(key, &to);
  return spki;
}

SecretBytes PrivateHalf(EVP_PKEY* key) {
  SecretBytes der(i2d_PrivateKey(key, nullptr));
  uint8_t* to = der.ExposeMutable().data();
  i2d_PrivateKey(key, &to);
  return der;
}

StatusOr<Key> Load(const ObjectTable& objects, const Uuid& id) {
  const SecretBytes der = objects.CopySigningKey(id);
  if (der.empty()) {
    return Error(Reason::kSigningKeyMissing,
                 "signing key " + id.ToString() + " is not on the token");
  }
  const uint8_t* from = der.Expose().data();
  return Key(d2i_PrivateKey(EVP_PKEY_EC, nullptr, &from,
                            static_cast<long>(der.size())));
}

}  // namespace

StatusOr<Bytes> MakeP256(ObjectTable& objects, const Uuid& id,
                         std::string_view label) {
  const Key key(EVP_EC_gen("P-256"));
  if (!objects.AddSigningKey(id, label, PrivateHalf(key.get()))) {
    return Error(Reason::kConflict,
                 "the token has an object with the id " + id.ToString());
  }
  return PublicHalf(key.get());
}

StatusOr<Bytes> PublicP256(const ObjectTable& objects, const Uuid& id) {
  SR_ASSIGN_OR_RETURN(const Key key, Load(objects, id));
  return PublicHalf(key.get());
}

StatusOr<Bytes> SignP256(const ObjectTable& objects, const Uuid& id,
                         ByteView sha256) {
  SR_ASSIGN_OR_RETURN(const Key key, Load(objects, id));
  const Context context(EVP_PKEY_CTX_new(key.get(), nullptr));
  Bytes der(EVP_PKEY_get_size(key.get()));
  size_t size = der.size();
  if (EVP_PKEY_sign_init(context.get()) != 1 ||
      EVP_PKEY_sign(context.get(), der.data(), &size, sha256.data(),
                    sha256.size()) != 1) {
    return Error(Reason::kHsmUnexpected, "OpenSSL refused to sign");
  }
  const uint8_t* from = der.data();
  const Signature numbers(
      d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(size)));
  Bytes signature(hsm::kP256SignatureSize);
  BN_bn2binpad(ECDSA_SIG_get0_r(numbers.get()), signature.data(), kNumberSize);
  BN_bn2binpad(ECDSA_SIG_get0_s(numbers.get()), signature.data() + kNumberSize,
               kNumberSize);
  return signature;
}

}  // namespace strongroom::testing
