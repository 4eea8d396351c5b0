#include "store/sqlite/file_errors.h"

#include <cerrno>
#include <system_error>

namespace strongroom::store {

bool MeansFull(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

Status FileFailure(int error, std::string_view doing, const std::string& path) {
  std::string message(doing);
  message += " " + path + ": " + std::generic_category().message(error);
  if (MeansFull(error)) {
    return Error(Reason::kStoreFull, message + "; free space there");
  }
  if (error == EROFS || error == EACCES || error == EPERM) {
    return Error(Reason::kStoreReadOnly,
                 message +
                     "; want the file and its directory writable by the "
                     "user that runs the server");
  }
  return Error(Reason::kStoreUnavailable,
               message + "; check the path and the disk");
}

}  // namespace strongroom::store
