#include "cli/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "cli/report.h"
#include "cli/text.h"
#include "strongroom/base/secret_bytes.h"

namespace strongroom::cli {
namespace {

Status Unwritable(const std::string& name, std::string_view step, int error) {
  return Error(Reason::kFileUnreadable,
               name + ": cannot be written: " + std::string(step) + ": " +
                   std::strerror(error));
}

Status WriteAll(int fd, const std::string& name, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Unwritable(name, "write", errno);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return OkStatus();
}

std::optional<struct stat> StatOf(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  return info;
}

bool IsSameFile(const std::string& a, const std::string& b) {
  auto first = StatOf(a);
  auto second = StatOf(b);
  return first && second && first->st_dev == second->st_dev &&
         first->st_ino == second->st_ino;
}

bool MayReplace(const OutputSpec& spec) {
  return spec.force ||
         (!spec.replaces.empty() && IsSameFile(spec.path, spec.replaces));
}

std::string DirectoryOf(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

mode_t CurrentUmask() {
  mode_t mask = umask(077);
  umask(mask);
  return mask;
}

// Destination is a regular file, there or to be made.
struct Destination {
  std::string path;
  mode_t mode = 0600;
  bool replace = false;
};

StatusOr<Destination> DestinationOf(const OutputSpec& spec) {
  Destination to;
  to.path = spec.path;
  to.replace = MayReplace(spec);
  if (!spec.secret) to.mode = 0666 & ~CurrentUmask();
  auto there = StatOf(spec.path);
  if (there.has_value() && to.replace) {
    // Through a symbolic link the file is replaced, not the link.
    char* real = realpath(spec.path.c_str(), nullptr);
    if (real == nullptr) return Unwritable(spec.path, "resolve", errno);
    to.path = real;
    free(real);
    if (!spec.secret) to.mode = there->st_mode & 0777;
  }
  return to;
}

// Publish gives the temporary file its name; without `replace` it never takes
// the name of a file that came up in the meantime.
Status Publish(const std::string& temporary, const Destination& to) {
  if (to.replace) {
    if (rename(temporary.c_str(), to.path.c_str()) == 0) return OkStatus();
    return Unwritable(to.path, "rename", errno);
  }
  // link refuses an existing name on every file system.
  if (link(temporary.c_str(), to.path.c_str()) == 0) {
    unlink(temporary.c_str());
    return OkStatus();
  }
  if (errno != EPERM && errno != EOPNOTSUPP) {
    return Unwritable(to.path, "create", errno);
  }
  // No hard links here (FAT and the like).
  if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, to.path.c_str(),
                RENAME_NOREPLACE) == 0) {
    return OkStatus();
  }
  return Unwritable(to.path, "create", errno);
}

Status FillTemporary(int fd, const Destination& to, ByteView bytes) {
  SR_RETURN_IF_ERROR(WriteAll(fd, to.path, bytes));
  if (fchmod(fd, to.mode) != 0) return Unwritable(to.path, "chmod", errno);
  if (fsync(fd) != 0) return Unwritable(to.path, "fsync", errno);
  return OkStatus();
}

Status WriteRegularFile(const OutputSpec& spec, ByteView bytes) {
  SR_ASSIGN_OR_RETURN(Destination to, DestinationOf(spec));
  std::string temporary = DirectoryOf(to.path) + "/.strongroom-XXXXXX";
  int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return Unwritable(to.path, "create", errno);
  Status status = FillTemporary(fd, to, bytes);
  close(fd);
  if (status.ok()) status = Publish(temporary, to);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  int directory =
      open(DirectoryOf(to.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
  return OkStatus();
}

Status WriteSpecialFile(const std::string& path, ByteView bytes) {
  int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return Unwritable(path, "open", errno);
  Status status = WriteAll(fd, path, bytes);
  close(fd);
  return status;
}

Status WriteBytes(const Environment& environment, const OutputSpec& spec,
                  ByteView bytes) {
  if (spec.path == "-") return WriteStandardOutput(environment, bytes);
  auto there = StatOf(spec.path);
  if (there.has_value() && !S_ISREG(there->st_mode)) {
    return WriteSpecialFile(spec.path, bytes);
  }
  return WriteRegularFile(spec, bytes);
}

Status BinaryToTerminal(const OutputSpec& spec) {
  return UsageError(
      "the result is not text and standard output is a terminal; "
      "add --base64, or name a file with " +
      spec.option);
}

}  // namespace

Status CheckOutput(const Environment& environment, const OutputSpec& spec) {
  if (spec.path == "-") {
    bool binary = !spec.base64 && !spec.text_to_terminal;
    if (binary && environment.is_terminal(environment.out)) {
      return BinaryToTerminal(spec);
    }
    return OkStatus();
  }
  auto there = StatOf(spec.path);
  if (there.has_value() && S_ISDIR(there->st_mode)) {
    return Unwritable(spec.path, "open", EISDIR);
  }
  if (there.has_value() && !S_ISREG(there->st_mode)) return OkStatus();
  if (there.has_value() && !MayReplace(spec)) {
    return Error(
        Reason::kFileUnreadable,
        spec.path + ": exists; name another file, or replace it with --force");
  }
  std::string directory = DirectoryOf(spec.path);
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    return Unwritable(spec.path, "directory " + directory, errno);
  }
  return OkStatus();
}

Status WriteOutput(const Environment& environment, const OutputSpec& spec,
                   ByteView bytes) {
  if (spec.base64) {
    std::string text = ToBase64(bytes);
    SecretBytes line(text.size() + 1);
    std::memcpy(line.ExposeMutable().data(), text.data(), text.size());
    line.ExposeMutable()[text.size()] = '\n';
    WipeString(&text);
    return WriteBytes(environment, spec, line.Expose());
  }
  if (spec.path == "-" && environment.is_terminal(environment.out) &&
      !IsPrintable(AsText(bytes))) {
    return BinaryToTerminal(spec);
  }
  return WriteBytes(environment, spec, bytes);
}

Status WriteStandardOutput(const Environment& environment, ByteView bytes) {
  return WriteAll(environment.out, "standard output", bytes);
}

}  // namespace strongroom::cli
