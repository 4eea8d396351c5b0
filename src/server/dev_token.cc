#include "server/dev_token.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "server/server.h"
#include "strongroom/base/files.h"
#include "strongroom/base/random.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/hsm_pkcs11/token_setup.h"

namespace strongroom::server {
namespace {

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

StatusOr<std::string> FindModule() {
  for (const char* path :
       {"/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so"}) {
    if (Exists(path)) return std::string(path);
  }
  return Error(Reason::kModuleNotLoaded,
               "SoftHSM is not installed (no libsofthsm2.so); want it for "
               "`strongroomd dev`: apt-get install softhsm2");
}

// RandomPin has 96 bits in hexadecimal digits, which every tool takes.
SecretBytes RandomPin() {
  std::array<uint8_t, 12> bytes;
  FillRandom(bytes);
  std::string digits = ToHex(bytes);
  SecretBytes pin = SecretBytes::CopyOf(AsBytes(digits));
  WipeMemory(bytes.data(), bytes.size());
  WipeString(&digits);
  return pin;
}

Status WriteConf(const std::string& path, const std::string& tokens) {
  std::string text = "directories.tokendir = " + tokens +
                     "\nobjectstore.backend = file\nlog.level = ERROR\n"
                     "slots.removable = false\n";
  return WriteFileAtomically(path, AsBytes(text), 0600);
}

// The token is made beside its place and moved there whole, so that DIR/tokens
// is there only when it is complete.
Status MakeToken(const std::string& directory, const std::string& module_path) {
  const std::string fresh = directory + "/tokens.new";
  const std::string conf = directory + "/softhsm2.new.conf";
  std::error_code error;
  std::filesystem::remove_all(fresh, error);
  if (mkdir(fresh.c_str(), 0700) != 0) {
    return Error(Reason::kFileUnreadable, "cannot make directory " + fresh +
                                              ": " + std::strerror(errno));
  }
  SR_RETURN_IF_ERROR(WriteConf(conf, fresh));
  // SoftHSM reads it whenever it is initialised.
  setenv("SOFTHSM2_CONF", conf.c_str(), 1);
  SecretBytes pin = RandomPin();
  SR_RETURN_IF_ERROR(
      WriteFileAtomically(directory + "/pin", pin.Expose(), 0600));
  Status made = hsm::InitializeToken({.module_path = module_path,
                                      .label = kDevTokenLabel,
                                      .officer_pin = RandomPin(),
                                      .user_pin = std::move(pin)});
  unlink(conf.c_str());
  SR_RETURN_IF_ERROR(made);
  const std::string tokens = directory + "/tokens";
  if (std::rename(fresh.c_str(), tokens.c_str()) != 0) {
    return Error(
        Reason::kFileUnreadable,
        "cannot move the new token to " + tokens + ": " + std::strerror(errno));
  }
  return OkStatus();
}

constexpr size_t kMaxTokenObject = 65536;

// SoftHSM empties and rewrites a token's own file at each login: a process that
// dies there loses the token and every key on it. So one copy is kept beside
// it, and put back when the file is found empty. The file is short enough for
// one write, so it is empty or whole.
Status KeepTokenObject(const std::string& directory, const std::string& id,
                       std::vector<std::string>* made) {
  const std::string path = directory + "/tokens/" + id + "/token.object";
  const std::string copy = directory + "/token." + id + ".copy";
  if (!Exists(path)) return OkStatus();
  SR_ASSIGN_OR_RETURN(const std::string now, ReadFile(path, kMaxTokenObject));
  std::string kept;
  if (Exists(copy)) {
    SR_ASSIGN_OR_RETURN(kept, ReadFile(copy, kMaxTokenObject));
  }
  if (now == kept) return OkStatus();
  if (!now.empty()) return WriteFileAtomically(copy, AsBytes(now), 0600);
  SR_RETURN_IF_ERROR(WriteFileAtomically(path, AsBytes(kept), 0600));
  made->push_back("the token whole again from its copy (" + copy +
                  "): a process had died while SoftHSM wrote it");
  return OkStatus();
}

Status KeepTokenObjects(const std::string& directory,
                        std::vector<std::string>* made) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory + "/tokens", error);
       !error && entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    SR_RETURN_IF_ERROR(
        KeepTokenObject(directory, entry->path().filename().string(), made));
  }
  if (!error) return OkStatus();
  return Error(Reason::kFileUnreadable,
               "cannot list " + directory + "/tokens: " + error.message());
}

}  // namespace

StatusOr<hsm::Pkcs11Options> PrepareDevToken(const std::string& directory,
                                             const std::string& store_path,
                                             std::vector<std::string>* made) {
  hsm::Pkcs11Options options;
  SR_ASSIGN_OR_RETURN(options.module_path, FindModule());
  SR_ASSIGN_OR_RETURN(options.profile, hsm::FindProfile("softhsm"));
  options.token_label = kDevTokenLabel;
  options.pin_file = directory + "/pin";
  const std::string tokens = directory + "/tokens";
  const std::string conf = directory + "/softhsm2.conf";
  if (!Exists(tokens)) {
    if (Exists(store_path)) {
      return Error(Reason::kTokenNotFound,
                   tokens + " is gone, but " + store_path +
                       " is there: its keys cannot be used without the token; "
                       "put it back, or start with another --dir");
    }
    SR_RETURN_IF_ERROR(MakeToken(directory, options.module_path));
    made->push_back("a SoftHSM token \"" + std::string(kDevTokenLabel) +
                    "\" with a random PIN (tokens/, pin)");
  }
  SR_RETURN_IF_ERROR(KeepTokenObjects(directory, made));
  // Always written: the directory may have been moved.
  SR_RETURN_IF_ERROR(WriteConf(conf, tokens));
  setenv("SOFTHSM2_CONF", conf.c_str(), 1);
  return options;
}

}  // namespace strongroom::server
