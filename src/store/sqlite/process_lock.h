// ProcessLock: one process at a time has the store.
#pragma once

#include <string>

#include "strongroom/base/status.h"

namespace strongroom::store {

// ProcessLock holds flock(2) on a file of its own, which the kernel gives up
// when the process dies, however it dies. The file stays; its contents (the
// holder's pid) are for people only.
class ProcessLock {
 public:
  // Take makes the file (mode 0600) if it is absent. STORE_LOCKED naming the
  // holder, STORE_READ_ONLY, STORE_FULL, STORE_UNAVAILABLE.
  static StatusOr<ProcessLock> Take(const std::string& path);

  // TakeInode locks an existing file itself and leaves its contents alone.
  static StatusOr<ProcessLock> TakeInode(const std::string& path);

  ProcessLock(ProcessLock&& other) noexcept
      : fd_(other.fd_), owns_contents_(other.owns_contents_) {
    other.fd_ = -1;
  }
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

 private:
  ProcessLock(int fd, bool owns_contents)
      : fd_(fd), owns_contents_(owns_contents) {}
  int fd_;
  bool owns_contents_;
};

}  // namespace strongroom::store
