#include "store/sqlite/store_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>

#include "store/sql/transaction.h"
#include "store/sqlite/file_errors.h"

namespace strongroom::store {
namespace {

constexpr mode_t kMode = 0600;

}  // namespace

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

StatusOr<std::string> RealPath(const std::string& path) {
  struct stat about {};
  const bool exists = lstat(path.c_str(), &about) == 0;
  if (!exists && errno != ENOENT) {
    return FileFailure(errno, "look for the store", path);
  }
  const std::string found = exists ? path : DirectoryOf(path);
  const std::unique_ptr<char, decltype(&free)> real(
      realpath(found.c_str(), nullptr), &free);
  if (real == nullptr) return FileFailure(errno, "look for the store", path);
  if (exists) return std::string(real.get());
  return std::string(real.get()) + "/" + path.substr(path.rfind('/') + 1);
}

Status SyncDirectory(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileFailure(errno, "open the directory", directory);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? OkStatus()
                     : FileFailure(error, "sync the directory", directory);
}

Status MakeFile(const std::string& path) {
  const int fd = open(
      path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (fd < 0) return FileFailure(errno, "make", path);
  const int result = fchmod(fd, kMode);
  const int error = errno;
  close(fd);
  return result == 0 ? OkStatus() : FileFailure(error, "chmod 0600", path);
}

StatusOr<Uuid> ReadInstallationId(SqliteConnection& db,
                                  const std::string& path) {
  SqlTransaction transaction(db, Uuid());
  SR_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                      transaction.GetSetting(kInstallationIdSetting));
  StatusOr<Uuid> id = Uuid::Parse(text.value_or(""));
  if (id.ok() && !id->IsNil()) return id;
  return Error(Reason::kStoreCorrupt,
               "store " + path +
                   " has no installation id; restore a backup of the store");
}

}  // namespace strongroom::store
