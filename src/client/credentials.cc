#include "client/credentials.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "strongroom/base/files.h"

namespace strongroom::client {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
inline void FreeBio(BIO* bio) { BIO_free_all(bio); }
using BioPtr = std::unique_ptr<BIO, Deleter<FreeBio>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

Status Invalid(const std::string& path, std::string_view what) {
  ERR_clear_error();
  return Error(Reason::kCertificateInvalid, path + ": " + std::string(what));
}

BioPtr ReadBio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

StatusOr<X509Ptr> ParseCertificate(const std::string& path,
                                   std::string_view text) {
  BioPtr bio = ReadBio(text);
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate != nullptr) return certificate;
  return Invalid(path,
                 "no certificate in it; want a PEM file with a BEGIN "
                 "CERTIFICATE block");
}

StatusOr<PkeyPtr> ParseKey(const std::string& path, std::string_view text) {
  BioPtr bio = ReadBio(text);
  // An empty password instead of a prompt on the terminal.
  char empty[] = "";
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, empty));
  if (key != nullptr) return key;
  return Invalid(path,
                 "no private key in it; want a PEM file with a BEGIN "
                 "PRIVATE KEY block and no password");
}

WallTime ToWallTime(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

Status CheckDates(const std::string& path, const X509* certificate,
                  WallTime now) {
  WallTime from = ToWallTime(X509_get0_notBefore(certificate));
  WallTime until = ToWallTime(X509_get0_notAfter(certificate));
  if (now > until) {
    return Invalid(path, "the certificate expired at " + FormatTime(until) +
                             "; get a new one");
  }
  if (now < from) {
    return Invalid(path, "the certificate is not valid before " +
                             FormatTime(from) + "; now is " + FormatTime(now) +
                             ": check this machine's clock");
  }
  return OkStatus();
}

}  // namespace

StatusOr<Credentials> ReadCredentials(const Options& options, WallTime now) {
  Credentials files;
  SR_ASSIGN_OR_RETURN(files.ca, ReadFile(options.ca_file));
  SR_ASSIGN_OR_RETURN(files.cert, ReadFile(options.cert_file));
  SR_ASSIGN_OR_RETURN(files.key, ReadPrivateFile(options.key_file));

  // The CA's dates are the handshake's business: a bundle may hold old ones.
  SR_RETURN_IF_ERROR(ParseCertificate(options.ca_file, files.ca).status());
  SR_ASSIGN_OR_RETURN(X509Ptr cert,
                      ParseCertificate(options.cert_file, files.cert));
  SR_RETURN_IF_ERROR(CheckDates(options.cert_file, cert.get(), now));
  SR_ASSIGN_OR_RETURN(PkeyPtr key,
                      ParseKey(options.key_file, AsText(files.key.Expose())));
  if (X509_check_private_key(cert.get(), key.get()) != 1) {
    return Invalid(options.key_file, "not the key of the certificate in " +
                                         options.cert_file +
                                         "; want the two that were made "
                                         "together");
  }
  return files;
}

}  // namespace strongroom::client
