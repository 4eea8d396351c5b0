#include "server/cert_maker.h"

#include <array>
#include <ctime>
#include <utility>

#include "server/openssl.h"
#include "strongroom/base/random.h"

namespace strongroom::server {
namespace {

Status Failed(const char* step) {
  return Error(Reason::kInternal, std::string("making a certificate: ") + step +
                                      ": " + TakeOpensslError());
}

struct Signer {
  X509* certificate;  // the subject itself, for a self-signed one
  EVP_PKEY* key;
};

bool SetSerial(X509* certificate) {
  // 127 random bits: unique without a register (RFC 5280 4.1.2.2).
  std::array<uint8_t, 16> serial;
  FillRandom(serial);
  serial[0] &= 0x7f;
  serial[0] |= 0x40;
  BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  bool ok =
      number != nullptr &&
      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return ok;
}

bool SetTime(ASN1_TIME* field, WallTime time) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return ASN1_TIME_set(field, seconds.time_since_epoch().count()) != nullptr;
}

bool SetName(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(
             name, "CN", MBSTRING_UTF8,
             reinterpret_cast<const unsigned char*>(common_name.data()),
             static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool AddExtension(const Signer& signer, X509* subject, int nid,
                  const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, signer.certificate, subject, nullptr, nullptr, 0);
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  bool ok = X509_add_ext(subject, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return ok;
}

// Blank gives an unsigned certificate with everything but extensions.
StatusOr<X509Ptr> Blank(const std::string& common_name,
                        const Validity& validity, EVP_PKEY* key) {
  X509Ptr certificate(X509_new());
  if (certificate == nullptr ||
      X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !SetSerial(certificate.get()) ||
      !SetTime(X509_getm_notBefore(certificate.get()), validity.not_before) ||
      !SetTime(X509_getm_notAfter(certificate.get()), validity.not_after) ||
      !SetName(X509_get_subject_name(certificate.get()), common_name) ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return Failed("filling it in");
  }
  return certificate;
}

StatusOr<PkeyPtr> NewKey() {
  PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (key == nullptr) return Failed("making a P-256 key");
  return key;
}

StatusOr<PemPair> ToPem(X509* certificate, EVP_PKEY* key) {
  PemPair pair;
  BioPtr text(BIO_new(BIO_s_mem()));
  // The key's text is in memory that OpenSSL wipes when it is freed.
  BioPtr secret(BIO_new(BIO_s_secmem()));
  if (text == nullptr || secret == nullptr ||
      PEM_write_bio_X509(text.get(), certificate) != 1 ||
      PEM_write_bio_PrivateKey(secret.get(), key, nullptr, nullptr, 0, nullptr,
                               nullptr) != 1) {
    return Failed("writing PEM");
  }
  char* data = nullptr;
  long size = BIO_get_mem_data(text.get(), &data);
  pair.certificate.assign(data, size);
  size = BIO_get_mem_data(secret.get(), &data);
  pair.key = SecretBytes::CopyOf(AsBytes({data, static_cast<size_t>(size)}));
  return pair;
}

StatusOr<PemPair> Sign(X509* certificate, EVP_PKEY* key, const Signer& signer) {
  if (X509_sign(certificate, signer.key, EVP_sha256()) == 0) {
    return Failed("signing it");
  }
  return ToPem(certificate, key);
}

std::string ExtendedUse(const CertificateOrder& order) {
  if (order.for_server && order.for_client) return "serverAuth,clientAuth";
  return order.for_server ? "serverAuth" : "clientAuth";
}

}  // namespace

StatusOr<PemPair> MakeAuthority(const std::string& common_name,
                                const Validity& validity) {
  SR_ASSIGN_OR_RETURN(PkeyPtr key, NewKey());
  SR_ASSIGN_OR_RETURN(X509Ptr certificate,
                      Blank(common_name, validity, key.get()));
  X509* self = certificate.get();
  Signer signer{self, key.get()};
  if (X509_set_issuer_name(self, X509_get_subject_name(self)) != 1 ||
      !AddExtension(signer, self, NID_basic_constraints,
                    "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(signer, self, NID_key_usage,
                    "critical,keyCertSign,cRLSign") ||
      !AddExtension(signer, self, NID_subject_key_identifier, "hash")) {
    return Failed("adding extensions");
  }
  return Sign(self, key.get(), signer);
}

StatusOr<PemPair> MakeCertificate(const PemPair& authority,
                                  const CertificateOrder& order) {
  X509Ptr issuer(PEM_read_bio_X509(ReadBio(authority.certificate).get(),
                                   nullptr, nullptr, nullptr));
  PkeyPtr issuer_key(
      PEM_read_bio_PrivateKey(ReadBio(AsText(authority.key.Expose())).get(),
                              nullptr, nullptr, nullptr));
  if (issuer == nullptr || issuer_key == nullptr ||
      X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    return Error(Reason::kCertificateInvalid,
                 "the CA's certificate and key are not a pair (" +
                     TakeOpensslError() + ")");
  }
  SR_ASSIGN_OR_RETURN(PkeyPtr key, NewKey());
  SR_ASSIGN_OR_RETURN(X509Ptr certificate,
                      Blank(order.common_name, order.validity, key.get()));
  X509* subject = certificate.get();
  Signer signer{issuer.get(), issuer_key.get()};
  bool ok =
      X509_set_issuer_name(subject, X509_get_subject_name(issuer.get())) == 1 &&
      AddExtension(signer, subject, NID_basic_constraints,
                   "critical,CA:FALSE") &&
      AddExtension(signer, subject, NID_key_usage,
                   "critical,digitalSignature") &&
      AddExtension(signer, subject, NID_ext_key_usage, ExtendedUse(order)) &&
      AddExtension(signer, subject, NID_subject_key_identifier, "hash") &&
      AddExtension(signer, subject, NID_authority_key_identifier, "keyid");
  if (ok && !order.subject_alt_name.empty()) {
    ok = AddExtension(signer, subject, NID_subject_alt_name,
                      order.subject_alt_name);
  }
  if (!ok) return Failed("adding extensions");
  return Sign(subject, key.get(), signer);
}

}  // namespace strongroom::server
