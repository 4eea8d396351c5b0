#include "strongroom/signing/dsse.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

namespace strongroom::signing {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kNumberSize = 32;
constexpr size_t kSignaturesAtMost = 16;
constexpr std::string_view kPemBegin = "-----BEGIN PUBLIC KEY-----\n";
constexpr std::string_view kPemEnd = "-----END PUBLIC KEY-----\n";
constexpr size_t kPemLine = 64;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Numbers = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

Bytes Sha256(ByteView bytes) {
  Bytes digest(SHA256_DIGEST_LENGTH);
  SHA256(bytes.data(), bytes.size(), digest.data());
  return digest;
}

// DSSE: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body.
Bytes PreAuthEncoding(std::string_view type, ByteView payload) {
  const std::string head = "DSSEv1 " + std::to_string(type.size()) + " " +
                           std::string(type) + " " +
                           std::to_string(payload.size()) + " ";
  Bytes encoded = ToBytes(AsBytes(head));
  encoded.insert(encoded.end(), payload.begin(), payload.end());
  return encoded;
}

// Null for all but a P-256 public key in exactly these bytes.
Key LoadKey(ByteView spki) {
  const uint8_t* from = spki.data();
  Key key(d2i_PUBKEY(nullptr, &from, static_cast<long>(spki.size())));
  char group[32] = {};
  size_t size = 0;
  const bool p256 =
      key && from == spki.data() + spki.size() &&
      EVP_PKEY_is_a(key.get(), "EC") == 1 &&
      EVP_PKEY_get_utf8_string_param(key.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                     group, sizeof group, &size) == 1 &&
      std::string_view(group, size) == "prime256v1";
  ERR_clear_error();
  return p256 ? std::move(key) : Key();
}

bool Verifies(EVP_PKEY* key, ByteView message, ByteView der_signature) {
  const Digest digest(EVP_MD_CTX_new());
  const bool good =
      EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) ==
          1 &&
      EVP_DigestVerify(digest.get(), der_signature.data(), der_signature.size(),
                       message.data(), message.size()) == 1;
  ERR_clear_error();
  return good;
}

// The DER of r and s, or nothing.
std::optional<Bytes> ToDer(ByteView signature) {
  if (signature.size() != 2 * kNumberSize) return std::nullopt;
  const Numbers numbers(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(signature.data(), kNumberSize, nullptr);
  BIGNUM* s = BN_bin2bn(signature.data() + kNumberSize, kNumberSize, nullptr);
  if (ECDSA_SIG_set0(numbers.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return std::nullopt;
  }
  uint8_t* der = nullptr;
  const int size = i2d_ECDSA_SIG(numbers.get(), &der);
  if (size <= 0) return std::nullopt;
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Status NoEnvelope(std::string_view what) {
  return Error(Reason::kMalformed,
               "this is no signed document: " + std::string(what) +
                   "; want a DSSE envelope in JSON, unchanged");
}

std::optional<std::string> Text(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<Bytes> Base64Of(const Json& object, const char* name) {
  const std::optional<std::string> text = Text(object, name);
  return text ? FromBase64(*text) : std::nullopt;
}

}  // namespace

std::string KeyIdOf(ByteView spki) { return ToHex(Sha256(spki)); }

Bytes DigestOf(std::string_view payload_type, ByteView payload) {
  return Sha256(PreAuthEncoding(payload_type, payload));
}

StatusOr<std::string> MakeEnvelope(std::string_view payload_type,
                                   ByteView payload, ByteView spki,
                                   ByteView signature) {
  const Key key = LoadKey(spki);
  const std::optional<Bytes> der = ToDer(signature);
  if (!key || !der ||
      !Verifies(key.get(), PreAuthEncoding(payload_type, payload), *der)) {
    return Error(Reason::kHsmUnexpected,
                 "the token's signature is not that of the signing key " +
                     KeyIdOf(spki) +
                     "; restore the token or the store that belong together");
  }
  const Json envelope = {
      {"payload", ToBase64(payload)},
      {"payloadType", payload_type},
      {"signatures",
       Json::array({{{"keyid", KeyIdOf(spki)}, {"sig", ToBase64(*der)}}})}};
  return envelope.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<Bytes> OpenEnvelope(std::string_view envelope,
                             std::string_view payload_type, ByteView spki) {
  const Key key = LoadKey(spki);
  if (!key) {
    return Error(Reason::kArgumentInvalid,
                 "the public key is none of ECDSA on P-256");
  }
  const Json json = Json::parse(envelope, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return NoEnvelope("it is not a JSON object");
  const std::optional<std::string> type = Text(json, "payloadType");
  const std::optional<Bytes> payload = Base64Of(json, "payload");
  const auto signatures = json.find("signatures");
  if (!type || !payload || signatures == json.end() ||
      !signatures->is_array() || signatures->empty() ||
      signatures->size() > kSignaturesAtMost) {
    return NoEnvelope("payload, payloadType or signatures are not there");
  }
  if (*type != payload_type) {
    return Error(Reason::kArgumentInvalid, "the signed document is of type " +
                                               *type + "; want " +
                                               std::string(payload_type));
  }
  const Bytes message = PreAuthEncoding(*type, *payload);
  std::string named;
  for (const Json& one : *signatures) {
    const std::optional<Bytes> signature =
        one.is_object() ? Base64Of(one, "sig") : std::nullopt;
    if (!signature) return NoEnvelope("a signature has no \"sig\" in base64");
    if (Verifies(key.get(), message, *signature)) return *payload;
    named += (named.empty() ? "" : ", ") + Text(one, "keyid").value_or("none");
  }
  return Error(Reason::kNotAuthentic,
               "no signature is that of key " + KeyIdOf(spki) +
                   " (the document names " + named +
                   "): it was changed, or another key signed it");
}

std::string PublicKeyToPem(ByteView spki) {
  const std::string base64 = ToBase64(spki);
  std::string pem(kPemBegin);
  for (size_t at = 0; at < base64.size(); at += kPemLine) {
    pem += base64.substr(at, kPemLine) + "\n";
  }
  return pem + std::string(kPemEnd);
}

StatusOr<Bytes> ParsePublicKeyPem(std::string_view pem) {
  const std::unique_ptr<BIO, Deleter<BIO_free>> from(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Key key(PEM_read_bio_PUBKEY(from.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  Bytes spki;
  if (key) {
    spki.resize(i2d_PUBKEY(key.get(), nullptr));
    uint8_t* to = spki.data();
    i2d_PUBKEY(key.get(), &to);
  }
  if (LoadKey(spki)) return spki;
  return Error(Reason::kMalformed,
               "this is no ECDSA P-256 public key in PEM; want the file with "
               "BEGIN PUBLIC KEY that the service exported");
}

}  // namespace strongroom::signing
