#include "server/backup_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "strongroom/base/crash_points.h"
#include "strongroom/signing/sha256.h"

namespace strongroom::server {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kMagic = "SRBACKUP1\n";
constexpr size_t kMaxEnvelope = 65536;
constexpr size_t kMaxDigits = 5;
constexpr size_t kPiece = 1 << 16;

Status Failed(const std::string& path, std::string_view doing, int error) {
  return Error(Reason::kFileUnreadable,
               path + ": cannot " + std::string(doing) + ": " +
                   std::generic_category().message(error));
}

Status NoBackup(const std::string& path, std::string_view why) {
  return Error(Reason::kMalformed,
               path + " is no backup of a store: " + std::string(why) +
                   "; want a file of `strongroomd backup create`");
}

// File closes its descriptor; reads and writes the whole of what it is asked.
class File {
 public:
  static StatusOr<File> ForReading(const std::string& path) {
    File file(open(path.c_str(), O_RDONLY | O_CLOEXEC), path);
    if (file.fd_ < 0) return Failed(path, "open it", errno);
    return file;
  }
  static StatusOr<File> New(const std::string& path) {
    // What a death left behind is of no use to anybody.
    unlink(path.c_str());
    File file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600),
              path);
    if (file.fd_ < 0) return Failed(path, "make it", errno);
    if (fchmod(file.fd_, 0600) != 0) return Failed(path, "chmod it", errno);
    return file;
  }
  File(File&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), path_(other.path_) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }

  // Read gives fewer bytes only at the end of the file.
  StatusOr<Bytes> Read(size_t size) {
    Bytes bytes(size);
    size_t have = 0;
    while (have < size) {
      const ssize_t got = read(fd_, bytes.data() + have, size - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Failed(path_, "read it", errno);
      if (got == 0) break;
      have += static_cast<size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }
  Status Write(ByteView bytes) {
    while (!bytes.empty()) {
      const ssize_t put = write(fd_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return Failed(path_, "write it", errno);
      bytes = bytes.subspan(static_cast<size_t>(put));
    }
    return OkStatus();
  }
  Status Sync() {
    return fsync(fd_) == 0 ? OkStatus() : Failed(path_, "sync it", errno);
  }

 private:
  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
};

Status SyncDirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory =
      slash == path.npos ? "." : path.substr(0, slash + 1);
  SR_ASSIGN_OR_RETURN(File file, File::ForReading(directory));
  return file.Sync();
}

// ForEachPiece hands on what is left of the file.
template <typename Take>
Status ForEachPiece(File& file, const Take& take) {
  for (;;) {
    SR_ASSIGN_OR_RETURN(const Bytes piece, file.Read(kPiece));
    SR_RETURN_IF_ERROR(take(piece));
    if (piece.size() < kPiece) return OkStatus();
  }
}

// What stands before the database, read from the beginning of the file.
StatusOr<std::string> ReadHead(File& file, const std::string& path) {
  SR_ASSIGN_OR_RETURN(const Bytes magic, file.Read(kMagic.size()));
  if (AsText(magic) != kMagic) return NoBackup(path, "it begins otherwise");
  std::string digits;
  for (;;) {
    SR_ASSIGN_OR_RETURN(const Bytes next, file.Read(1));
    if (next.empty()) return NoBackup(path, "it is cut");
    if (next[0] == '\n') break;
    digits += static_cast<char>(next[0]);
    if (digits.size() > kMaxDigits) break;
  }
  size_t size = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      size > kMaxEnvelope || std::to_string(size) != digits) {
    return NoBackup(path, "the size of its manifest is none");
  }
  SR_ASSIGN_OR_RETURN(const Bytes envelope, file.Read(size));
  if (envelope.size() < size) return NoBackup(path, "it is cut");
  return std::string(AsText(envelope));
}

std::string HeadOf(std::string_view envelope) {
  return std::string(kMagic) + std::to_string(envelope.size()) + "\n" +
         std::string(envelope);
}

Status NotTheDatabase(const std::string& path) {
  return Error(Reason::kNotAuthentic,
               path +
                   " was changed or cut: its database is not the one that "
                   "the manifest names; use another backup");
}

Status Extract(File& file, const std::string& path, const Manifest& manifest,
               File* to) {
  signing::Sha256 digest;
  uint64_t size = 0;
  SR_RETURN_IF_ERROR(ForEachPiece(file, [&](const Bytes& piece) -> Status {
    size += piece.size();
    if (size > manifest.size) return NotTheDatabase(path);
    digest.Add(piece);
    return to == nullptr ? OkStatus() : to->Write(piece);
  }));
  if (size != manifest.size || ToHex(digest.Finish()) != manifest.sha256) {
    return NotTheDatabase(path);
  }
  return to == nullptr ? OkStatus() : to->Sync();
}

Status WriteWhole(const std::string& path, std::string_view envelope,
                  const std::string& database) {
  SR_ASSIGN_OR_RETURN(File out, File::New(path));
  SR_RETURN_IF_ERROR(out.Write(AsBytes(HeadOf(envelope))));
  SR_ASSIGN_OR_RETURN(File in, File::ForReading(database));
  SR_RETURN_IF_ERROR(
      ForEachPiece(in, [&](const Bytes& piece) { return out.Write(piece); }));
  return out.Sync();
}

}  // namespace

std::string ManifestToJson(const Manifest& manifest) {
  Json json;
  json["format"] = 1;
  json["created"] = manifest.created;
  json["program"] = manifest.program;
  json["installation_id"] = manifest.store.installation_id.ToString();
  json["schema"] = manifest.store.schema;
  json["change_seq"] = manifest.store.change_seq;
  json["keys"] = manifest.store.keys;
  json["versions"] = manifest.store.versions;
  json["registered_deks"] = manifest.store.deks;
  json["shredded_deks"] = manifest.store.tombstones;
  json["database_size"] = manifest.size;
  json["database_sha256"] = manifest.sha256;
  return json.dump(2);
}

StatusOr<Manifest> ParseManifest(ByteView text) {
  const Status wrong =
      Error(Reason::kMalformed,
            "the backup's manifest is of no form that this program knows; "
            "want format 1: use the program that made it");
  const Json json =
      Json::parse(AsText(text), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return wrong;
  bool good = true;
  const auto number = [&](const char* name) -> uint64_t {
    const auto found = json.find(name);
    good = good && found != json.end() && found->is_number_unsigned();
    return good ? found->get<uint64_t>() : 0;
  };
  const auto string = [&](const char* name) -> std::string {
    const auto found = json.find(name);
    good = good && found != json.end() && found->is_string();
    return good ? found->get<std::string>() : "";
  };
  Manifest manifest;
  const uint64_t format = number("format");
  manifest.created = string("created");
  manifest.program = string("program");
  const StatusOr<Uuid> id = Uuid::Parse(string("installation_id"));
  manifest.store.schema = static_cast<int>(number("schema"));
  manifest.store.change_seq = number("change_seq");
  manifest.store.keys = number("keys");
  manifest.store.versions = number("versions");
  manifest.store.deks = number("registered_deks");
  manifest.store.tombstones = number("shredded_deks");
  manifest.size = number("database_size");
  manifest.sha256 = string("database_sha256");
  if (!good || format != 1 || !id.ok()) return wrong;
  manifest.store.installation_id = *id;
  return manifest;
}

StatusOr<FileDigest> DigestFile(const std::string& path) {
  SR_ASSIGN_OR_RETURN(File file, File::ForReading(path));
  signing::Sha256 digest;
  FileDigest result;
  SR_RETURN_IF_ERROR(ForEachPiece(file, [&](const Bytes& piece) {
    digest.Add(piece);
    result.size += piece.size();
    return OkStatus();
  }));
  result.sha256 = ToHex(digest.Finish());
  return result;
}

Status WriteBackup(const std::string& path, std::string_view envelope,
                   const std::string& database) {
  const std::string part = path + ".part";
  Status status = WriteWhole(part, envelope, database);
  CrashPoint("backup/written");
  if (status.ok() && rename(part.c_str(), path.c_str()) != 0) {
    status = Failed(path, "rename to it", errno);
  }
  if (!status.ok()) {
    unlink(part.c_str());
    return status;
  }
  CrashPoint("backup/renamed");
  return SyncDirectoryOf(path);
}

StatusOr<std::string> ReadEnvelope(const std::string& path) {
  SR_ASSIGN_OR_RETURN(File file, File::ForReading(path));
  return ReadHead(file, path);
}

Status ExtractDatabase(const std::string& path, const Manifest& manifest,
                       const std::string& to) {
  SR_ASSIGN_OR_RETURN(File file, File::ForReading(path));
  SR_RETURN_IF_ERROR(ReadHead(file, path).status());
  if (to.empty()) return Extract(file, path, manifest, nullptr);
  SR_ASSIGN_OR_RETURN(File out, File::New(to));
  const Status status = Extract(file, path, manifest, &out);
  if (!status.ok()) unlink(to.c_str());
  return status;
}

}  // namespace strongroom::server
