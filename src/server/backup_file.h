// The file of a backup: a signed manifest, then the database that it names.
//
//   backup   := "SRBACKUP1\n"  size  "\n"  manifest(size)  database
//   size     := decimal digits, no leading zero, at most 65536
//   manifest := a DSSE envelope (signing/dsse.h) of type kBackupType
//
// The database is known by its size and SHA-256 in the manifest; nothing
// follows it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/store/copy.h"

namespace strongroom::server {

inline constexpr char kBackupType[] = "application/vnd.strongroom.backup+json";

struct Manifest {
  std::string created;  // FormatTime: texts of two times compare as they do
  std::string program;  // the version that made it
  store::StoreFacts store;
  uint64_t size = 0;   // of the database, bytes
  std::string sha256;  // hex
};

std::string ManifestToJson(const Manifest& manifest);
// MALFORMED if ManifestToJson cannot have made it.
StatusOr<Manifest> ParseManifest(ByteView json);

// DigestFile gives size and SHA-256 of a file. FILE_UNREADABLE.
struct FileDigest {
  uint64_t size = 0;
  std::string sha256;
};
StatusOr<FileDigest> DigestFile(const std::string& path);

// WriteBackup makes `path` (mode 0600) whole or not at all, by way of
// `path`.part. FILE_UNREADABLE.
Status WriteBackup(const std::string& path, std::string_view envelope,
                   const std::string& database);

// ReadEnvelope gives the signed manifest. MALFORMED if the file is no backup.
StatusOr<std::string> ReadEnvelope(const std::string& path);

// ExtractDatabase checks that the file's database is the manifest's, and, if
// `to` is not empty, writes it there (mode 0600, synced). NOT_AUTHENTIC if it
// is another, is cut, or something follows it; then `to` is gone.
Status ExtractDatabase(const std::string& path, const Manifest& manifest,
                       const std::string& to);

}  // namespace strongroom::server
