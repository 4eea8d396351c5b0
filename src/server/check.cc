#include "server/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "server/certificates.h"
#include "server/refused_pin.h"
#include "strongroom/auth/policy.h"
#include "strongroom/base/files.h"
#include "strongroom/hsm_pkcs11/pkcs11_device.h"
#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"

namespace strongroom::server {
namespace {

constexpr std::chrono::hours kSoon(24 * 14);

class Checker {
 public:
  Checker(const Config& config, WallTime now) : config_(config), now_(now) {}

  CheckReport Run() && {
    CheckTls();
    CheckHsm();
    CheckPolicy();
    CheckStore();
    CheckWritable("audit.path", config_.audit_path);
    report_.not_checked = {
        "whether the module loads, the token is there and takes the PIN: "
        "a wrong PIN counts against the token's lock",
        "the schema of the store: it is locked by a running service",
        "whether the addresses are free",
    };
    return std::move(report_);
  }

 private:
  void Add(std::string_view place, const Status& status) {
    if (!status.ok()) report_.failures.push_back(Annotate(status, place));
  }

  void WarnIfSoon(const std::string& path, const CertificateFacts& facts) {
    if (facts.not_after > now_ + kSoon) return;
    report_.warnings.push_back(path + ": certificate " + facts.subject +
                               " expires at " + FormatTime(facts.not_after) +
                               ", within 14 days");
  }

  void CheckTls() {
    const rpc::TlsFiles& tls = config_.tls;
    auto pair = CheckServerPair(tls.certificate, tls.key, now_);
    Add("tls", pair.status());
    if (pair.ok()) WarnIfSoon(tls.certificate, *pair);
    auto authorities = CheckAuthorities(tls.client_ca, now_);
    Add("tls.client_ca", authorities.status());
    if (authorities.ok()) {
      for (const CertificateFacts& facts : *authorities) {
        WarnIfSoon(tls.client_ca, facts);
      }
    }
    if (tls.crl_directory.empty()) {
      report_.warnings.push_back(
          "tls.crl_directory is not set: a client certificate cannot be "
          "revoked before it expires");
    } else {
      Add("tls.crl_directory", CheckCrlDirectory(tls.crl_directory));
    }
  }

  void CheckHsm() {
    Add("hsm.pin_file", hsm::ReadPin(config_.hsm.pin_file).status());
    Add("hsm.pin_file", CheckPinNotRefused(config_));
    struct stat info;
    const std::string& module = config_.hsm.module_path;
    if (stat(module.c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
        access(module.c_str(), R_OK) != 0) {
      Add("hsm.module",
          Error(Reason::kFileUnreadable,
                module + " is not a readable file; want the PKCS#11 module's "
                         "shared library"));
    }
  }

  void CheckPolicy() {
    auto text = ReadFile(config_.policy_path);
    Add("policy.path", text.status());
    if (!text.ok()) return;
    auto policy = auth::Policy::Parse(*text, config_.policy_path);
    Add("policy.path", policy.status());
    if (policy.ok() && (*policy)->rule_count() == 0) {
      report_.warnings.push_back(config_.policy_path +
                                 " has no rules: everything will be refused");
    }
  }

  void CheckStore() {
    const std::string& path = config_.store_path;
    struct stat info;
    if (lstat(path.c_str(), &info) == 0 || errno != ENOENT) {
      Add("store.path", store::CheckSqliteFile(path));
      return;
    }
    CheckWritable("store.path", path);
    report_.warnings.push_back(
        path + " does not exist: `serve` will make a new, empty store");
  }

  // CheckWritable: the file, or the directory it will be made in.
  void CheckWritable(std::string_view place, const std::string& path) {
    struct stat info;
    bool exists = stat(path.c_str(), &info) == 0;
    if (exists && !S_ISREG(info.st_mode)) {
      Add(place, Error(Reason::kConfigInvalid,
                       path + " is not a regular file; want one, or none"));
      return;
    }
    std::string directory = path.substr(0, path.rfind('/'));
    if (directory.empty()) directory = "/";
    const std::string& target = exists ? path : directory;
    if (access(target.c_str(), R_OK | W_OK) != 0) {
      Add(place,
          Error(Reason::kFileUnreadable, target + ": " + std::strerror(errno) +
                                             "; want to read and write it"));
    }
  }

  const Config& config_;
  const WallTime now_;
  CheckReport report_;
};

}  // namespace

CheckReport CheckConfig(const Config& config, WallTime now) {
  return Checker(config, now).Run();
}

}  // namespace strongroom::server
