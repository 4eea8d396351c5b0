// What is common to opening a store and to handling its file.
#pragma once

#include <string>

#include "store/sqlite/connection.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::store {

inline constexpr char kInstallationIdSetting[] = "installation_id";

std::string DirectoryOf(const std::string& path);
// RealPath is the one name that every way to the store leads to. The file
// itself need not be there.
StatusOr<std::string> RealPath(const std::string& path);
Status SyncDirectory(const std::string& path);
// MakeFile makes an empty file of mode 0600 whatever the umask.
Status MakeFile(const std::string& path);
// ReadInstallationId: STORE_CORRUPT if the store has none.
StatusOr<Uuid> ReadInstallationId(SqliteConnection& db,
                                  const std::string& path);

}  // namespace strongroom::store
