#include "strongroom/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/file_checks.h"

namespace strongroom {
namespace {

// Fd closes the descriptor it holds.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

Status Unreadable(const std::string& path, std::string_view fault) {
  return Error(Reason::kFileUnreadable, path + ": " + std::string(fault));
}

Status TooLarge(const std::string& path, size_t max_size) {
  return Unreadable(path, "larger than the " + std::to_string(max_size) +
                              " bytes that are allowed here");
}

struct OpenFile {
  Fd fd;
  struct stat info;
};

// Links are followed (Kubernetes mounts secrets as links); every check is made
// on the descriptor, so that nobody can swap the file in between.
StatusOr<OpenFile> OpenRegular(const std::string& path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd.valid()) {
    return Unreadable(path, "cannot be opened: " + ErrorText(errno));
  }
  struct stat info;
  if (fstat(fd.get(), &info) != 0) {
    return Unreadable(path, "cannot be examined: " + ErrorText(errno));
  }
  if (!S_ISREG(info.st_mode)) {
    return Unreadable(path, "not a regular file; want a regular file");
  }
  return OpenFile{std::move(fd), info};
}

// ReadUpTo fills `out` until the file ends; gives how much it read.
StatusOr<size_t> ReadUpTo(int fd, const std::string& path,
                          MutableByteView out) {
  size_t have = 0;
  while (have < out.size()) {
    ssize_t got = read(fd, out.data() + have, out.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Unreadable(path, "cannot be read: " + ErrorText(errno));
    }
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  return have;
}

Status WriteFailed(const std::string& path, std::string_view step, int error) {
  return Error(Reason::kFileUnreadable,
               path + ": cannot be written: " + std::string(step) + ": " +
                   ErrorText(error));
}

Status WriteAll(int fd, const std::string& path, ByteView contents) {
  while (!contents.empty()) {
    ssize_t put = write(fd, contents.data(), contents.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return WriteFailed(path, "write", errno);
    contents = contents.subspan(static_cast<size_t>(put));
  }
  return OkStatus();
}

Status WriteNewFile(const std::string& path, ByteView contents, unsigned mode) {
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return WriteFailed(path, "create", errno);
  // The umask must not decide: the caller named the mode.
  if (fchmod(fd.get(), mode) != 0) return WriteFailed(path, "chmod", errno);
  SR_RETURN_IF_ERROR(WriteAll(fd.get(), path, contents));
  if (fsync(fd.get()) != 0) return WriteFailed(path, "fsync", errno);
  return OkStatus();
}

std::string DirectoryOf(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status SyncDirectoryOf(const std::string& path) {
  std::string directory = DirectoryOf(path);
  Fd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || fsync(fd.get()) != 0) {
    return WriteFailed(directory, "fsync", errno);
  }
  return OkStatus();
}

}  // namespace

Status CheckPrivate(const std::string& path, mode_t mode, uid_t owner,
                    uid_t user) {
  constexpr mode_t kOthers = S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
  if ((mode & kOthers) != 0) {
    char octal[8];
    std::snprintf(octal, sizeof(octal), "%04o", mode & 07777u);
    return Error(Reason::kFileNotPrivate,
                 path + ": mode " + octal +
                     " lets group or others read or write it; want 0600 or "
                     "0400: chmod 600 " +
                     path);
  }
  if (owner != user && owner != 0) {
    std::string wanted = std::to_string(user);
    return Error(Reason::kFileNotPrivate,
                 path + ": owned by user " + std::to_string(owner) +
                     "; want user " + wanted + " or root: chown " + wanted +
                     " " + path);
  }
  return OkStatus();
}

StatusOr<std::string> ReadFile(const std::string& path, size_t max_size) {
  SR_ASSIGN_OR_RETURN(OpenFile file, OpenRegular(path));
  if (static_cast<uint64_t>(file.info.st_size) > max_size) {
    return TooLarge(path, max_size);
  }
  // The size is a hint (0 in /proc), so read until the end; one byte more than
  // is allowed tells a file that is too large from one that just fits.
  std::string text;
  size_t have = 0;
  do {
    text.resize(std::min(max_size + 1, have + (size_t{1} << 16)));
    MutableByteView room(reinterpret_cast<uint8_t*>(text.data()), text.size());
    SR_ASSIGN_OR_RETURN(size_t got,
                        ReadUpTo(file.fd.get(), path, room.subspan(have)));
    have += got;
  } while (have == text.size() && have <= max_size);
  if (have > max_size) return TooLarge(path, max_size);
  text.resize(have);
  return text;
}

StatusOr<SecretBytes> ReadPrivateFile(const std::string& path,
                                      size_t max_size) {
  SR_ASSIGN_OR_RETURN(OpenFile file, OpenRegular(path));
  SR_RETURN_IF_ERROR(
      CheckPrivate(path, file.info.st_mode, file.info.st_uid, geteuid()));
  SecretBytes contents(max_size + 1);
  SR_ASSIGN_OR_RETURN(size_t size,
                      ReadUpTo(file.fd.get(), path, contents.ExposeMutable()));
  if (size > max_size) return TooLarge(path, max_size);
  return SecretBytes::CopyOf(contents.Expose().first(size));
}

Status CheckPrivateFile(const std::string& path) {
  SR_ASSIGN_OR_RETURN(OpenFile file, OpenRegular(path));
  return CheckPrivate(path, file.info.st_mode, file.info.st_uid, geteuid());
}

Status WriteFileAtomically(const std::string& path, ByteView contents,
                           unsigned mode) {
  std::string temporary = path + ".tmp";
  // What a crash left behind may have another owner or mode: never reuse it.
  unlink(temporary.c_str());
  Status status = WriteNewFile(temporary, contents, mode);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = WriteFailed(path, "rename", errno);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncDirectoryOf(path);
}

}  // namespace strongroom
