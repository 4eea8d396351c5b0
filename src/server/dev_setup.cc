#include "server/dev_setup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "edge/listen_address.h"
#include "server/dev_certificates.h"
#include "server/dev_token.h"
#include "strongroom/base/files.h"

namespace strongroom::server {
namespace {

constexpr char kPolicy[] =
    "# The policy of `strongroomd dev`: its client may do everything.\n"
    "# Change it and send SIGHUP to the service. docs/operations.md has the\n"
    "# words.\n"
    "version: 1\n"
    "rules:\n"
    "  - name: developer\n"
    "    who: [\"cn:developer\"]\n"
    "    may: [use, manage, observe]\n"
    "    keys: [\"**\"]\n";

Status RequireLoopback(const std::string& text) {
  SR_ASSIGN_OR_RETURN(edge::ListenAddress address,
                      edge::ListenAddress::Parse(text));
  if (address.IsLoopback()) return OkStatus();
  return Error(Reason::kDevelopmentOnly,
               "`strongroomd dev` is for development and listens on loopback "
               "only, not on " +
                   text +
                   "; want 127.0.0.1:PORT or [::1]:PORT, or `strongroomd "
                   "serve`");
}

StatusOr<std::string> MakeDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error || path.empty()) {
    return Error(Reason::kFileUnreadable,
                 "\"" + path + "\" is not a path; want a directory");
  }
  std::string directory = absolute.lexically_normal().string();
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  std::filesystem::create_directories(absolute.parent_path(), error);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error(Reason::kFileUnreadable, "cannot make directory " + directory +
                                              ": " + std::strerror(errno));
  }
  struct stat info;
  if (stat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return Error(Reason::kFileUnreadable,
                 directory + " is not a directory; want one, or none");
  }
  if ((info.st_mode & 0077) != 0 || info.st_uid != geteuid()) {
    return Error(Reason::kFileNotPrivate,
                 directory +
                     " is not this user's alone; want mode 0700: "
                     "chmod 700 " +
                     directory + ", or a directory that does not exist yet");
  }
  return directory;
}

Status WriteIfMissing(const std::string& path, std::string_view text) {
  if (access(path.c_str(), F_OK) == 0) return OkStatus();
  return WriteFileAtomically(path, AsBytes(text), 0600);
}

// A shell's single quotes, whatever the path is.
std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace

StatusOr<DevSetup> PrepareDev(const DevOptions& options, const Clock& clock) {
  SR_RETURN_IF_ERROR(RequireLoopback(options.listen));
  SR_RETURN_IF_ERROR(RequireLoopback(options.metrics_listen));
  DevSetup setup;
  SR_ASSIGN_OR_RETURN(setup.directory, MakeDirectory(options.directory));
  const std::string& directory = setup.directory;
  Config& config = setup.config;
  config.mode = Mode::kDev;
  config.listen = options.listen;
  config.metrics_listen = options.metrics_listen;
  config.drain_seconds = 10;
  config.destruction_grace_seconds = 0;
  config.store_path = directory + "/store.db";
  config.audit_path = directory + "/audit.log";
  config.policy_path = directory + "/policy.yaml";
  SR_RETURN_IF_ERROR(WriteIfMissing(config.policy_path, kPolicy));
  SR_ASSIGN_OR_RETURN(
      config.tls, PrepareDevCertificates(directory, clock.Now(), &setup.made));
  SR_ASSIGN_OR_RETURN(
      config.hsm, PrepareDevToken(directory, config.store_path, &setup.made));
  return setup;
}

std::string DevEnvironment(const std::string& directory,
                           const std::string& grpc_address) {
  std::string tls = directory + "/tls/";
  return "export STRONGROOM_ADDR=" + Quoted(grpc_address) +
         "\nexport STRONGROOM_CA=" + Quoted(tls + "ca.crt") +
         "\nexport STRONGROOM_CERT=" + Quoted(tls + "client.crt") +
         "\nexport STRONGROOM_KEY=" + Quoted(tls + "client.key") + "\n";
}

}  // namespace strongroom::server
