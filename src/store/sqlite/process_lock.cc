#include "store/sqlite/process_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "store/sqlite/file_errors.h"

namespace strongroom::store {
namespace {

std::string HolderOf(int fd) {
  char text[32];
  const ssize_t size = pread(fd, text, sizeof(text), 0);
  std::string_view digits(text, size > 0 ? static_cast<size_t>(size) : 0);
  digits = digits.substr(0, digits.find_first_not_of("0123456789"));
  return digits.empty() ? "another process" : "process " + std::string(digits);
}

}  // namespace

StatusOr<ProcessLock> ProcessLock::Take(const std::string& path) {
  const int fd =
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return FileFailure(errno, "open the lock file", path);
  // What is in it is the holder's until it is ours.
  ProcessLock lock(fd, /*owns_contents=*/false);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileFailure(errno, "lock", path);
    return Error(Reason::kStoreLocked,
                 "the store is in use: " + HolderOf(fd) + " holds " + path +
                     "; want one server for each store: stop that one, or "
                     "give this one a store of its own");
  }
  lock.owns_contents_ = true;
  // A lock without the pid is as good: only messages suffer.
  const std::string pid = std::to_string(getpid()) + "\n";
  if (ftruncate(fd, 0) == 0) {
    [[maybe_unused]] ssize_t written = pwrite(fd, pid.data(), pid.size(), 0);
  }
  return lock;
}

StatusOr<ProcessLock> ProcessLock::TakeInode(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileFailure(errno, "open", path);
  ProcessLock lock(fd, /*owns_contents=*/false);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return FileFailure(errno, "lock", path);
  return Error(Reason::kStoreLocked,
               "the store is in use: another process has " + path +
                   " locked, under this name or another (a mount of the "
                   "file); want one server for each store: stop that one, or "
                   "give this one a store of its own");
}

ProcessLock::~ProcessLock() {
  if (fd_ < 0) return;
  // The next holder must not be told of a pid that may be another program's.
  [[maybe_unused]] int ignored = owns_contents_ ? ftruncate(fd_, 0) : 0;
  close(fd_);
}

}  // namespace strongroom::store
