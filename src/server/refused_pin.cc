#include "server/refused_pin.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "strongroom/base/bytes.h"
#include "strongroom/base/files.h"
#include "strongroom/base/log.h"

namespace strongroom::server {
namespace {

std::string NotePath(const Config& config) {
  return config.store_path + ".pin-refused";
}

// What identifies a PIN file and token. Links are followed, as they are when
// the PIN is read: Kubernetes mounts secrets so.
StatusOr<std::string> Describe(const Config& config) {
  struct stat info;
  if (stat(config.hsm.pin_file.c_str(), &info) != 0) {
    return Error(Reason::kFileUnreadable,
                 config.hsm.pin_file + ": " + std::strerror(errno));
  }
  std::string text = "The token refused the PIN in this file.\n";
  auto add = [&text](const char* name, const std::string& value) {
    text += std::string(name) + ": " + value + "\n";
  };
  add("token label", config.hsm.token_label);
  add("token serial", config.hsm.token_serial);
  add("PIN file", config.hsm.pin_file);
  add("device", std::to_string(info.st_dev));
  add("inode", std::to_string(info.st_ino));
  add("size", std::to_string(info.st_size));
  add("changed", std::to_string(info.st_mtim.tv_sec) + "." +
                     std::to_string(info.st_mtim.tv_nsec));
  return text;
}

void LogFailure(const std::string& doing, const Status& status) {
  log::Error(doing + ": a new start tries the PIN again", {{"status", status}});
}

}  // namespace

Status CheckPinNotRefused(const Config& config) {
  const std::string path = NotePath(config);
  struct stat info;
  if (lstat(path.c_str(), &info) != 0 && errno == ENOENT) return OkStatus();
  // Whoever cannot read the note must not find out by trying the PIN.
  auto note = ReadFile(path);
  auto now = Describe(config);
  SR_RETURN_IF_ERROR(now.status());
  if (note.ok() && *note != *now) return OkStatus();
  return Error(
      Reason::kHsmLoginRefused,
      "the token refused the PIN in " + config.hsm.pin_file +
          " at an earlier start, and each try counts against its lock, so it "
          "was not tried again; put the right PIN into the file, or remove " +
          path + " if the token takes this PIN now");
}

void NoteLogin(const Config& config, const Status& opened) {
  const std::string path = NotePath(config);
  if (opened.ok()) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      log::Warning("cannot remove the note of a refused PIN",
                   {{"path", path}, {"cause", std::strerror(errno)}});
    }
    return;
  }
  if (ReasonOf(opened) != Reason::kHsmLoginRefused) return;
  auto text = Describe(config);
  if (!text.ok()) {
    return LogFailure("cannot note the refused PIN", text.status());
  }
  Status written = WriteFileAtomically(path, AsBytes(*text), 0600);
  if (!written.ok()) LogFailure("cannot note the refused PIN", written);
}

}  // namespace strongroom::server
