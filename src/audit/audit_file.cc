#include "audit/audit_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include "audit/record_format.h"

namespace strongroom::audit {
namespace {

// Longer than any line can be, so that it holds the last whole one.
constexpr size_t kTailSize = 256 * 1024;
static_assert(kTailSize > 2 * kMaxLineSize);

// LastSequence finds the last line in `tail` that tells its number.
std::optional<uint64_t> LastSequence(std::string_view tail) {
  while (!tail.empty()) {
    size_t newline = tail.rfind('\n');
    std::string_view line =
        newline == std::string_view::npos ? tail : tail.substr(newline + 1);
    std::optional<uint64_t> sequence = SequenceOf(line);
    if (sequence.has_value()) return sequence;
    if (newline == std::string_view::npos) break;
    tail = tail.substr(0, newline);
  }
  return std::nullopt;
}

}  // namespace

StatusOr<std::unique_ptr<AuditFile>> AuditFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a pipe must not wait for its reader.
  int fd = open(path.c_str(),
                O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                0600);
  std::unique_ptr<AuditFile> file(new AuditFile(path, fd));
  if (fd < 0) return file->Fault("cannot be opened");
  SR_RETURN_IF_ERROR(file->ReadEnd());
  return file;
}

AuditFile::~AuditFile() {
  if (fd_ >= 0) close(fd_);
}

Status AuditFile::ReadEnd() {
  struct stat info;
  if (fstat(fd_, &info) != 0) return Fault("cannot be examined");
  if (!S_ISREG(info.st_mode)) {
    return Error(Reason::kAuditUnavailable,
                 "audit log " + path_ + " is not a regular file; want one");
  }
  auto size = static_cast<size_t>(info.st_size);
  std::string tail(std::min(size, kTailSize), '\0');
  off_t start = static_cast<off_t>(size - tail.size());
  size_t have = 0;
  while (have < tail.size()) {
    ssize_t got = pread(fd_, tail.data() + have, tail.size() - have,
                        start + static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Fault("cannot be read");
    have += static_cast<size_t>(got);
  }
  if (tail.empty()) return OkStatus();

  torn_ = tail.back() != '\n';
  std::optional<uint64_t> last = LastSequence(tail);
  // A first line torn before its number was written is no reason to refuse.
  bool torn_at_once = torn_ && IsTornStart(tail);
  if (!last.has_value() && !torn_at_once) {
    return Error(Reason::kAuditUnavailable,
                 "audit log " + path_ +
                     " ends in no audit record; it is another file, or was "
                     "changed: move it away");
  }
  next_sequence_ = last.value_or(0) + 1;
  return OkStatus();
}

bool AuditFile::Removed() const {
  struct stat info;
  return fstat(fd_, &info) == 0 && info.st_nlink == 0;
}

Status AuditFile::EndTornLine() {
  if (!torn_) return OkStatus();
  return Append("\n").status;
}

Written AuditFile::Append(std::string_view lines) {
  Written written;
  while (written.bytes < lines.size()) {
    ssize_t put =
        write(fd_, lines.data() + written.bytes, lines.size() - written.bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      written.status = Fault("cannot be written");
      break;
    }
    written.bytes += static_cast<size_t>(put);
  }
  if (written.bytes > 0) torn_ = lines[written.bytes - 1] != '\n';
  return written;
}

Status AuditFile::Sync() {
  while (fdatasync(fd_) != 0) {
    if (errno != EINTR) return Fault("cannot be made durable");
  }
  return OkStatus();
}

Status AuditFile::Fault(std::string_view what) const {
  int error = errno;
  return Error(Reason::kAuditUnavailable,
               "audit log " + path_ + " " + std::string(what) + ": " +
                   std::generic_category().message(error));
}

}  // namespace strongroom::audit
