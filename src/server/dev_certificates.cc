#include "server/dev_certificates.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "server/cert_maker.h"
#include "server/certificates.h"
#include "strongroom/base/files.h"

namespace strongroom::server {
namespace {

using Days = std::chrono::duration<int64_t, std::ratio<86400>>;

struct Lifetime {
  Days whole;
  Days renew_before;  // renewed when less than this is left
};
constexpr Lifetime kAuthorityLife{Days(3650), Days(365)};
constexpr Lifetime kLeafLife{Days(90), Days(30)};

Validity ValidFor(WallTime now, const Lifetime& life) {
  // An hour back, for clients whose clock is a little behind.
  return {now - std::chrono::hours(1), now + life.whole};
}

// LivesOn: the file is a certificate with enough of its life left.
bool LivesOn(const std::string& path, WallTime now, const Lifetime& life) {
  auto facts = ReadCertificateFacts(path);
  return facts.ok() && facts->not_before <= now &&
         now + life.renew_before < facts->not_after;
}

StatusOr<PemPair> ReadPair(const std::string& stem) {
  PemPair pair;
  SR_ASSIGN_OR_RETURN(pair.certificate, ReadFile(stem + ".crt"));
  SR_ASSIGN_OR_RETURN(pair.key, ReadPrivateFile(stem + ".key"));
  return pair;
}

// The certificate goes last: it is what LivesOn looks at.
Status WritePair(const std::string& stem, const PemPair& pair) {
  SR_RETURN_IF_ERROR(
      WriteFileAtomically(stem + ".key", pair.key.Expose(), 0600));
  return WriteFileAtomically(stem + ".crt", AsBytes(pair.certificate), 0644);
}

std::string Sentence(const std::string& what, const Validity& validity) {
  return what + ", valid until " + FormatTime(validity.not_after);
}

Status MakeLeaf(const PemPair& authority, const std::string& stem,
                const CertificateOrder& order, const std::string& what,
                std::vector<std::string>* made) {
  SR_ASSIGN_OR_RETURN(PemPair pair, MakeCertificate(authority, order));
  SR_RETURN_IF_ERROR(WritePair(stem, pair));
  made->push_back(Sentence(what, order.validity));
  return OkStatus();
}

}  // namespace

StatusOr<rpc::TlsFiles> PrepareDevCertificates(const std::string& directory,
                                               WallTime now,
                                               std::vector<std::string>* made) {
  const std::string tls = directory + "/tls";
  if (mkdir(tls.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error(Reason::kFileUnreadable,
                 "cannot make directory " + tls + ": " + std::strerror(errno));
  }
  const std::string ca = tls + "/ca";
  const std::string server = tls + "/server";
  const std::string client = tls + "/client";
  bool new_authority = !LivesOn(ca + ".crt", now, kAuthorityLife);
  if (new_authority) {
    Validity validity = ValidFor(now, kAuthorityLife);
    SR_ASSIGN_OR_RETURN(PemPair pair,
                        MakeAuthority("Strongroom development CA", validity));
    SR_RETURN_IF_ERROR(WritePair(ca, pair));
    made->push_back(Sentence("a certificate authority (ca.crt)", validity));
  }
  SR_ASSIGN_OR_RETURN(PemPair authority, ReadPair(ca));
  if (new_authority || !LivesOn(server + ".crt", now, kLeafLife)) {
    CertificateOrder order{
        .common_name = "strongroom development server",
        .subject_alt_name = "DNS:localhost,IP:127.0.0.1,IP:::1",
        .for_server = true,
        .validity = ValidFor(now, kLeafLife)};
    SR_RETURN_IF_ERROR(MakeLeaf(authority, server, order,
                                "the server's certificate (server.crt)", made));
  }
  if (new_authority || !LivesOn(client + ".crt", now, kLeafLife)) {
    CertificateOrder order{.common_name = "developer",
                           .subject_alt_name = "",
                           .for_client = true,
                           .validity = ValidFor(now, kLeafLife)};
    SR_RETURN_IF_ERROR(MakeLeaf(authority, client, order,
                                "a client's certificate (client.crt)", made));
  }
  return rpc::TlsFiles{.certificate = server + ".crt",
                       .key = server + ".key",
                       .client_ca = ca + ".crt",
                       .crl_directory = ""};
}

}  // namespace strongroom::server
