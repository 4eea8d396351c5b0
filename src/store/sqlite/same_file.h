// SameFile: does a path still lead to the file that was opened?
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>

#include "store/sqlite/file_errors.h"

namespace strongroom::store {

class SameFile {
 public:
  // Of remembers the file that the path leads to now. STORE_UNAVAILABLE.
  static StatusOr<SameFile> Of(std::string path) {
    struct stat about {};
    if (stat(path.c_str(), &about) != 0) {
      return FileFailure(errno, "look at", path);
    }
    return SameFile(std::move(path), about);
  }

  // Check is STORE_UNAVAILABLE once the file was removed or replaced.
  Status Check() const {
    struct stat now {};
    if (stat(path_.c_str(), &now) != 0 && errno != ENOENT) {
      return FileFailure(errno, "look at", path_);
    }
    if (now.st_ino == inode_ && now.st_dev == device_) return OkStatus();
    return Error(Reason::kStoreUnavailable,
                 path_ +
                     " was removed or replaced while the server runs; nothing "
                     "is changed any more, as it would be lost: stop the "
                     "server, put the right file there, and start it again");
  }

 private:
  SameFile(std::string path, const struct stat& about)
      : path_(std::move(path)), device_(about.st_dev), inode_(about.st_ino) {}

  std::string path_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace strongroom::store
