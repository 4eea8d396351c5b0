#include "server/certificates.h"

#include <dirent.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include "server/openssl.h"
#include "strongroom/base/files.h"

namespace strongroom::server {
namespace {

Status Invalid(const std::string& path, const std::string& what) {
  return Error(Reason::kCertificateInvalid, path + ": " + what);
}

WallTime ToWallTime(const ASN1_TIME* time) {
  std::tm broken{};
  ASN1_TIME_to_tm(time, &broken);
  return WallTime(std::chrono::seconds(timegm(&broken)));
}

CertificateFacts FactsOf(const X509* certificate) {
  CertificateFacts facts;
  char* line =
      X509_NAME_oneline(X509_get_subject_name(certificate), nullptr, 0);
  if (line != nullptr) facts.subject = line;
  OPENSSL_free(line);
  facts.not_before = ToWallTime(X509_get0_notBefore(certificate));
  facts.not_after = ToWallTime(X509_get0_notAfter(certificate));
  return facts;
}

StatusOr<std::vector<X509Ptr>> ReadCertificates(const std::string& path) {
  SR_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  BioPtr bio = ReadBio(text);
  std::vector<X509Ptr> certificates;
  while (true) {
    X509Ptr one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (one == nullptr) break;
    certificates.push_back(std::move(one));
  }
  bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  std::string cause = TakeOpensslError();
  if (certificates.empty() || !at_end) {
    return Invalid(path, "is not a PEM certificate (" + cause +
                             "); want one or more BEGIN CERTIFICATE blocks");
  }
  return certificates;
}

Status CheckDates(const std::string& path, const CertificateFacts& facts,
                  WallTime now) {
  if (now < facts.not_before) {
    return Invalid(path, "certificate " + facts.subject +
                             " is not valid before " +
                             FormatTime(facts.not_before) + "; now is " +
                             FormatTime(now) + ": check the clock, or wait");
  }
  if (now > facts.not_after) {
    return Invalid(path, "certificate " + facts.subject + " expired at " +
                             FormatTime(facts.not_after) + "; now is " +
                             FormatTime(now) + ": renew it");
  }
  return OkStatus();
}

Status CheckForServers(const std::string& path, X509* certificate) {
  // UINT32_MAX when the extension is absent: then any use is allowed.
  if ((X509_get_extended_key_usage(certificate) & XKU_SSL_SERVER) == 0) {
    return Invalid(path,
                   "the certificate is not for servers; want serverAuth in "
                   "its extended key usage");
  }
  if (X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) < 0) {
    return Invalid(path,
                   "the certificate has no subject alternative name, so no "
                   "client would take it; want the DNS names or IP addresses "
                   "of this service");
  }
  return OkStatus();
}

StatusOr<PkeyPtr> ReadKey(const std::string& path) {
  SR_ASSIGN_OR_RETURN(SecretBytes text, ReadPrivateFile(path));
  BioPtr bio = ReadBio(AsText(text.Expose()));
  // An empty password instead of a prompt on the terminal.
  char empty[] = "";
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, empty));
  if (key == nullptr) {
    return Invalid(path, "is not a PEM private key without a password (" +
                             TakeOpensslError() + ")");
  }
  return key;
}

bool IsCrlName(const char* name) {
  for (int i = 0; i < 8; ++i) {
    if (!std::isxdigit(static_cast<unsigned char>(name[i]))) return false;
  }
  return name[8] == '.' && name[9] == 'r' &&
         std::isdigit(static_cast<unsigned char>(name[10]));
}

}  // namespace

StatusOr<CertificateFacts> CheckServerPair(const std::string& certificate_path,
                                           const std::string& key_path,
                                           WallTime now) {
  SR_ASSIGN_OR_RETURN(std::vector<X509Ptr> chain,
                      ReadCertificates(certificate_path));
  X509* leaf = chain.front().get();
  CertificateFacts facts = FactsOf(leaf);
  SR_RETURN_IF_ERROR(CheckDates(certificate_path, facts, now));
  SR_RETURN_IF_ERROR(CheckForServers(certificate_path, leaf));
  SR_ASSIGN_OR_RETURN(PkeyPtr key, ReadKey(key_path));
  if (X509_check_private_key(leaf, key.get()) != 1) {
    TakeOpensslError();
    return Invalid(key_path, "is not the key of the certificate in " +
                                 certificate_path +
                                 "; want the two that were made together");
  }
  return facts;
}

StatusOr<std::vector<CertificateFacts>> CheckAuthorities(
    const std::string& path, WallTime now) {
  SR_ASSIGN_OR_RETURN(std::vector<X509Ptr> bundle, ReadCertificates(path));
  std::vector<CertificateFacts> all;
  Status last;
  bool some_valid = false;
  for (const X509Ptr& certificate : bundle) {
    CertificateFacts facts = FactsOf(certificate.get());
    if (X509_check_ca(certificate.get()) == 0) {
      return Invalid(path, "certificate " + facts.subject +
                               " is not a CA's; want the CAs that vouch for "
                               "clients");
    }
    last = CheckDates(path, facts, now);
    some_valid = some_valid || last.ok();
    all.push_back(std::move(facts));
  }
  if (!some_valid) return last;
  return all;
}

Status CheckCrlDirectory(const std::string& path) {
  struct Close {
    void operator()(DIR* d) const { closedir(d); }
  };
  std::unique_ptr<DIR, Close> directory(opendir(path.c_str()));
  if (directory == nullptr) {
    return Error(
        Reason::kFileUnreadable,
        path + ": cannot list it as a directory: " + std::strerror(errno));
  }
  while (const dirent* entry = readdir(directory.get())) {
    if (IsCrlName(entry->d_name)) return OkStatus();
  }
  return Invalid(path,
                 "has no CRL under a hashed name (like 5f3cd0e1.r0), so "
                 "nothing would be revoked; run `openssl rehash` on it");
}

StatusOr<CertificateFacts> ReadCertificateFacts(const std::string& path) {
  SR_ASSIGN_OR_RETURN(std::vector<X509Ptr> chain, ReadCertificates(path));
  return FactsOf(chain.front().get());
}

}  // namespace strongroom::server
