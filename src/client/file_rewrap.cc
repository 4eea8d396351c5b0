// Rewrap in place: the stale slot first, then, once that is on the disk, the
// other one with the same token.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "strongroom/client/files.h"
#include "strongroom/envelope/token.h"

namespace strongroom::client {
namespace {

using envelope::BulkHead;
using envelope::BulkSlot;

class FdSlotFile final : public SlotFile {
 public:
  FdSlotFile(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  ~FdSlotFile() override { close(fd_); }
  FdSlotFile(const FdSlotFile&) = delete;
  FdSlotFile& operator=(const FdSlotFile&) = delete;

  StatusOr<size_t> ReadAt(uint64_t offset, MutableByteView out) override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t size = pread(fd_, out.data() + done, out.size() - done,
                                 static_cast<off_t>(offset + done));
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return Failure("read");
      if (size == 0) break;
      done += static_cast<size_t>(size);
    }
    return done;
  }
  Status WriteAt(uint64_t offset, ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t size =
          pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return Failure("write");
      bytes = bytes.subspan(static_cast<size_t>(size));
      offset += static_cast<uint64_t>(size);
    }
    return OkStatus();
  }
  Status Sync() override {
    return fdatasync(fd_) == 0 ? OkStatus() : Failure("flush");
  }

 private:
  Status Failure(const char* what) const {
    return Error(Reason::kFileUnreadable, std::string("cannot ") + what + " " +
                                              name_ + ": " +
                                              std::strerror(errno));
  }
  const int fd_;
  const std::string name_;
};

Status Tampered(const std::string& what) {
  return Error(Reason::kNotAuthentic, what + "; nothing was written");
}

bool IsSameDek(const envelope::Token& a, const envelope::Token& b) {
  return a.header.key_id == b.header.key_id &&
         a.header.batch_id == b.header.batch_id && a.leaf == b.leaf;
}

// Which of two different DEKs is the body's only who opens it can tell.
Status CheckSiblings(const BulkHead& head) {
  if (!head.slots[0] || !head.slots[1]) return OkStatus();
  SR_ASSIGN_OR_RETURN(const envelope::Token a,
                      envelope::ParseToken(head.slots[0]->token));
  SR_ASSIGN_OR_RETURN(const envelope::Token b,
                      envelope::ParseToken(head.slots[1]->token));
  if (IsSameDek(a, b)) return OkStatus();
  return Tampered(
      "the two slots hold different DEKs: the file was changed by "
      "something else than rewrap");
}

StatusOr<BulkHead> ReadHeadOf(SlotFile& file) {
  uint64_t at = 0;
  return ReadHead([&](MutableByteView out) -> StatusOr<size_t> {
    SR_ASSIGN_OR_RETURN(const size_t size, file.ReadAt(at, out));
    at += size;
    return size;
  });
}

Status WriteSlot(SlotFile& file, const BulkHead& head, size_t number,
                 const BulkSlot& slot) {
  const size_t size = head.fixed.slot_size();
  SR_ASSIGN_OR_RETURN(const Bytes bytes,
                      envelope::SerializeBulkSlot(slot, size));
  SR_RETURN_IF_ERROR(file.WriteAt((1 + number) * size, bytes));
  return file.Sync();
}

}  // namespace

StatusOr<std::unique_ptr<SlotFile>> OpenSlotFile(const std::string& path) {
  const auto failure = [&](const char* what) {
    return Error(Reason::kFileUnreadable, std::string("cannot ") + what + " " +
                                              path + ": " +
                                              std::strerror(errno));
  };
  // A FIFO would block an open, and is no file.
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failure("open");
  auto file = std::make_unique<FdSlotFile>(fd, path);
  struct stat about {};
  if (fstat(fd, &about) != 0) return failure("look at");
  if (!S_ISREG(about.st_mode)) {
    return Error(Reason::kFileUnreadable,
                 path + " is not a regular file; an envelope in one is wanted");
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failure("lock");
    return Error(
        Reason::kConflict,
        path + " is being rewrapped by another process; let it finish");
  }
  // If a flush of an earlier rewrap failed, the cache may show slots that the
  // disk has not, and what looks stale be all that it has. So the slots are
  // read from the disk: nothing may be left to flush, and the cache is dropped.
  if (fdatasync(fd) != 0) return failure("flush");
  (void)posix_fadvise(fd, 0, 3 << envelope::kMaxSlotLog2, POSIX_FADV_DONTNEED);
  return std::unique_ptr<SlotFile>(std::move(file));
}

StatusOr<RewrapResult> Rewrapper::Rewrap(SlotFile& file) const {
  SR_ASSIGN_OR_RETURN(const BulkHead head, ReadHeadOf(file));
  if (head.fixed.slot_log2 < envelope::kInPlaceSlotLog2) {
    return Error(Reason::kConflict,
                 "the envelope's slots have " +
                     std::to_string(head.fixed.slot_size()) +
                     " bytes and share a disk block; rewrap in place wants "
                     "4096 or more: seal it anew");
  }
  const std::optional<size_t> newest = head.NewestFirst()[0];
  if (!newest) {
    return Error(Reason::kMalformed,
                 "neither of the envelope's two slots is valid: it is damaged");
  }
  SR_RETURN_IF_ERROR(CheckSiblings(head));
  const BulkSlot& slot = *head.slots[*newest];
  SR_ASSIGN_OR_RETURN(const envelope::Token before,
                      envelope::ParseToken(slot.token));
  SR_ASSIGN_OR_RETURN(const Rewrapped rewrapped, client_.Rewrap(slot.token));
  SR_ASSIGN_OR_RETURN(const envelope::Token after,
                      envelope::ParseToken(rewrapped.token));
  if (!IsSameDek(before, after) ||
      after.header.key_version < before.header.key_version) {
    return Tampered(
        "the service gave a token that is not this one at a later "
        "version");
  }
  RewrapResult result{.from_version = before.header.key_version,
                      .to_version = after.header.key_version};
  const std::optional<BulkSlot>& other = head.slots[1 - *newest];
  const bool other_is_clean =
      other ? other->token == rewrapped.token : head.blank[1 - *newest];
  if (rewrapped.token == slot.token && other_is_clean) return result;
  if (slot.sequence > envelope::kMaxSequence - 2) {
    return Error(Reason::kConflict,
                 "the envelope was rewrapped 2^30 times; seal it anew");
  }
  // Any failure, of a flush above all, stops before the second write.
  SR_RETURN_IF_ERROR(
      WriteSlot(file, head, 1 - *newest,
                {.sequence = slot.sequence + 1, .token = rewrapped.token}));
  SR_RETURN_IF_ERROR(
      WriteSlot(file, head, *newest,
                {.sequence = slot.sequence + 2, .token = rewrapped.token}));
  result.written = true;
  return result;
}

}  // namespace strongroom::client
