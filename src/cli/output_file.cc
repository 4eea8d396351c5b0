#include "cli/output_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace strongroom::cli {
namespace {

mode_t CurrentUmask() {
  mode_t mask = umask(077);
  umask(mask);
  return mask;
}

bool IsSameFile(const std::string& a, const std::string& b) {
  auto first = StatOf(a);
  auto second = StatOf(b);
  return first && second && first->st_dev == second->st_dev &&
         first->st_ino == second->st_ino;
}

bool IsZero(ByteView bytes) {
  return bytes[0] == 0 &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

std::string TemporaryIn(const std::string& directory) {
  return directory + "/.strongroom-XXXXXX";
}

}  // namespace

Status Unwritable(const std::string& name, std::string_view step, int error) {
  return Error(Reason::kFileUnreadable,
               name + ": cannot be written: " + std::string(step) + ": " +
                   std::strerror(error));
}

std::optional<struct stat> StatOf(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  return info;
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

Status WriteAll(int fd, const std::string& name, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Unwritable(name, "write", errno);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return OkStatus();
}

Status WriteWithHoles(int fd, const std::string& name, ByteView bytes) {
  constexpr size_t kBlock = 65536;
  while (!bytes.empty()) {
    size_t data = 0, hole = 0;
    while (data + hole < bytes.size()) {
      const ByteView rest = bytes.subspan(data + hole);
      const bool zero = rest.size() >= kBlock && IsZero(rest.first(kBlock));
      if (!zero && hole > 0) break;
      (zero ? hole : data) += std::min(kBlock, rest.size());
    }
    SR_RETURN_IF_ERROR(WriteAll(fd, name, bytes.first(data)));
    if (hole > 0 && lseek(fd, static_cast<off_t>(hole), SEEK_CUR) < 0) {
      return Unwritable(name, "seek", errno);
    }
    bytes = bytes.subspan(data + hole);
  }
  return OkStatus();
}

StatusOr<OutputFile> OutputFile::Open(const Environment& environment,
                                      const OutputSpec& spec) {
  if (spec.path == "-") return OutputFile(environment.out, "standard output");
  auto there = StatOf(spec.path);
  if (there.has_value() && !S_ISREG(there->st_mode)) {
    int fd = open(spec.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return Unwritable(spec.path, "open", errno);
    OutputFile file(fd, spec.path);
    file.owned_ = true;
    return file;
  }
  std::string path = spec.path;
  mode_t mode = spec.secret ? 0600 : 0666 & ~CurrentUmask();
  if (there.has_value() && MayReplace(spec)) {
    // Through a symbolic link the file is replaced, not the link.
    char* real = realpath(spec.path.c_str(), nullptr);
    if (real == nullptr) return Unwritable(spec.path, "resolve", errno);
    path = real;
    free(real);
    if (!spec.secret) mode = there->st_mode & 0777;
  }
  std::string temporary;
  const std::string directory = DirectoryOf(path);
  int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
    // Not every file system has files without a name.
    temporary = TemporaryIn(directory);
    fd = mkostemp(temporary.data(), O_CLOEXEC);
  }
  if (fd < 0) return Unwritable(path, "create", errno);
  OutputFile file(fd, std::move(path));
  file.owned_ = true;
  file.regular_ = true;
  file.replace_ = MayReplace(spec);
  file.mode_ = mode;
  file.temporary_ = std::move(temporary);
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(other.fd_),
      name_(std::move(other.name_)),
      owned_(std::exchange(other.owned_, false)),
      regular_(other.regular_),
      replace_(other.replace_),
      mode_(other.mode_),
      temporary_(std::exchange(other.temporary_, {})),
      metadata_(other.metadata_) {}

OutputFile::~OutputFile() {
  if (owned_) close(fd_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

// Without `replace_` it never takes the name of a file that came up in the
// meantime.
Status OutputFile::Publish() {
  if (temporary_.empty()) {
    const std::string self = "/proc/self/fd/" + std::to_string(fd_);
    if (!replace_) {
      if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name_.c_str(),
                 AT_SYMLINK_FOLLOW) == 0) {
        return OkStatus();
      }
      return Unwritable(name_, "create", errno);
    }
    // A link does not replace; a rename does.
    std::string name = TemporaryIn(DirectoryOf(name_));
    int reserved = mkostemp(name.data(), O_CLOEXEC);
    if (reserved < 0) return Unwritable(name_, "create", errno);
    close(reserved);
    unlink(name.c_str());
    if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(),
               AT_SYMLINK_FOLLOW) != 0) {
      return Unwritable(name_, "create", errno);
    }
    temporary_ = std::move(name);
  }
  if (replace_) {
    if (rename(temporary_.c_str(), name_.c_str()) == 0) return OkStatus();
    return Unwritable(name_, "rename", errno);
  }
  // link refuses an existing name on every file system.
  if (link(temporary_.c_str(), name_.c_str()) == 0) {
    unlink(temporary_.c_str());
    return OkStatus();
  }
  if (errno != EPERM && errno != EOPNOTSUPP) {
    return Unwritable(name_, "create", errno);
  }
  // No hard links here (FAT and the like).
  if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, name_.c_str(),
                RENAME_NOREPLACE) == 0) {
    return OkStatus();
  }
  return Unwritable(name_, "create", errno);
}

Status OutputFile::WhatIsLeft(const Status& failure) const {
  const std::string left =
      regular_ ? name_ + (replace_ ? " was not changed" : " was not made")
               : "what was written to " + name_ +
                     " is not whole and must be discarded";
  const std::string message = std::string(failure.message()) + "; " + left;
  const auto delay = RetryAfterOf(failure);
  return delay ? Error(ReasonOf(failure), message, *delay)
               : Error(ReasonOf(failure), message);
}

Status OutputFile::Finish() {
  if (!regular_) return OkStatus();
  // A hole at the end has not made it longer yet.
  const off_t end = lseek(fd_, 0, SEEK_CUR);
  if (end < 0 || ftruncate(fd_, end) != 0) {
    return Unwritable(name_, "set the size", errno);
  }
  if (metadata_) mode_ = metadata_->st_mode & 0777;
  if (fchmod(fd_, mode_) != 0) return Unwritable(name_, "chmod", errno);
  if (metadata_) {
    const struct timespec times[2] = {metadata_->st_atim, metadata_->st_mtim};
    if (futimens(fd_, times) != 0) return Unwritable(name_, "times", errno);
  }
  if (fsync(fd_) != 0) return Unwritable(name_, "fsync", errno);
  SR_RETURN_IF_ERROR(Publish());
  temporary_.clear();
  int directory =
      open(DirectoryOf(name_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
  return OkStatus();
}

}  // namespace strongroom::cli
