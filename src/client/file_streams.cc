// Sealing and opening streams.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "client/pipeline.h"
#include "strongroom/base/random.h"
#include "strongroom/client/files.h"

namespace strongroom::client {
namespace {

using envelope::BodyKeys;
using envelope::BulkFixed;
using envelope::BulkForm;
using envelope::BulkHead;
using envelope::ChunkCipher;
using envelope::kChunkTagSize;

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kBufferBytes = size_t{40} << 20;  // all pieces, in and out

Status FileFailure(const std::string& doing, const std::string& name) {
  return Error(Reason::kFileUnreadable,
               doing + " " + name + ": " + std::strerror(errno));
}

// A piece is as many chunks as make about a megabyte.
struct Pieces {
  size_t chunks;
  PipelineShape shape;
};
Pieces PiecesOf(size_t chunk_size, int threads, bool sealing) {
  if (threads <= 0) {
    threads = static_cast<int>(
        std::clamp(std::thread::hardware_concurrency(), 1u, 16u));
  }
  Pieces pieces{.chunks = std::max<size_t>(1, kPieceBytes / chunk_size),
                .shape = {}};
  const size_t plain = pieces.chunks * chunk_size;
  const size_t sealed = plain + pieces.chunks * kChunkTagSize;
  pieces.shape = {.threads = threads,
                  .in_size = sealing ? plain : sealed,
                  .out_size = sealing ? sealed : plain,
                  .pieces = 0};
  const size_t most = kBufferBytes / (plain + sealed);
  pieces.shape.pieces = static_cast<int>(std::clamp<size_t>(
      2 * static_cast<size_t>(threads) + 2, 3, std::max<size_t>(most, 3)));
  if (plain > kPieceBytes) pieces.shape.pieces = 3;
  return pieces;
}

StatusOr<Bytes> ReadExactly(const Source& source, size_t size,
                            const char* what) {
  Bytes bytes(size);
  SR_ASSIGN_OR_RETURN(const size_t found, source(bytes));
  if (found == size) return bytes;
  return Error(Reason::kMalformed, "the envelope ends in " + std::string(what) +
                                       ", after " + std::to_string(found) +
                                       " of " + std::to_string(size) +
                                       " bytes");
}

// The slots in the order of the format; the first failure is told if none
// opens.
StatusOr<BodyKeys> OpenHead(Client& client, const BulkHead& head,
                            const Context& context) {
  Status failure =
      Error(Reason::kMalformed,
            "neither of the envelope's two slots is valid: it is damaged");
  bool first = true;
  for (const std::optional<size_t> number : head.NewestFirst()) {
    if (!number) continue;
    const StatusOr<Opened> opened =
        client.Unwrap(head.slots[*number]->token, context);
    Status status = opened.status();
    if (status.ok()) {
      StatusOr<BodyKeys> keys = BodyKeys::Derive(opened->secret, head.fixed);
      status = keys.ok() ? keys->CheckCommitment(head.fixed) : keys.status();
      if (status.ok()) return keys;
    }
    if (std::exchange(first, false)) failure = status;
  }
  return failure;
}

StatusOr<BulkHead> HeadOf(const Source& source, const Source* side) {
  SR_ASSIGN_OR_RETURN(BulkHead head, ReadHead(side ? *side : source));
  if (side == nullptr) {
    if (head.fixed.form == BulkForm::kAttached) return head;
    return Error(Reason::kMalformed,
                 "this is the side file of a detached envelope; want its body "
                 "and this as the side file");
  }
  if (head.fixed.form != BulkForm::kDetached) {
    return Error(Reason::kMalformed,
                 "the side file is a whole envelope; want the side file that "
                 "was written with this body");
  }
  uint8_t more = 0;
  SR_ASSIGN_OR_RETURN(const size_t found, (*side)({&more, 1}));
  if (found != 0) {
    return Error(Reason::kMalformed, "bytes follow the side file's slots");
  }
  SR_ASSIGN_OR_RETURN(
      const Bytes prefix,
      ReadExactly(source, envelope::kBodyPrefixSize, "the start of the body"));
  SR_RETURN_IF_ERROR(envelope::CheckBodyPrefix(prefix, head.fixed));
  return head;
}

StatusOr<PieceWorker> SealingWorker(const BodyKeys& keys, size_t chunk_size,
                                    size_t chunks) {
  SR_ASSIGN_OR_RETURN(ChunkCipher made,
                      ChunkCipher::Create(keys, ChunkCipher::Direction::kSeal));
  auto cipher = std::make_shared<ChunkCipher>(std::move(made));
  return PieceWorker([=](uint64_t piece, bool last, ByteView in,
                         MutableByteView out) -> StatusOr<size_t> {
    size_t written = 0;
    uint64_t index = piece * chunks;
    do {
      const size_t size = std::min(chunk_size, in.size());
      const bool is_last = last && size == in.size();
      SR_RETURN_IF_ERROR(
          cipher->Seal(index++, is_last, in.first(size), out.data() + written));
      written += size + kChunkTagSize;
      in = in.subspan(size);
    } while (!in.empty());
    return written;
  });
}

StatusOr<PieceWorker> OpeningWorker(const BodyKeys& keys, size_t chunk_size,
                                    size_t chunks) {
  SR_ASSIGN_OR_RETURN(ChunkCipher made,
                      ChunkCipher::Create(keys, ChunkCipher::Direction::kOpen));
  auto cipher = std::make_shared<ChunkCipher>(std::move(made));
  return PieceWorker([=](uint64_t piece, bool last, ByteView in,
                         MutableByteView out) -> StatusOr<size_t> {
    size_t written = 0;
    uint64_t index = piece * chunks;
    do {
      const size_t size = std::min(chunk_size + kChunkTagSize, in.size());
      // Only chunk 0 may be empty.
      if (size < kChunkTagSize + (index == 0 ? 0 : 1)) {
        return Error(Reason::kMalformed,
                     "chunk " + std::to_string(index) + " has " +
                         std::to_string(size) +
                         " bytes; want 17 or more: the envelope was cut");
      }
      const bool is_last = last && size == in.size();
      SR_RETURN_IF_ERROR(
          cipher->Open(index++, is_last, in.first(size), out.data() + written));
      written += size - kChunkTagSize;
      in = in.subspan(size);
    } while (!in.empty());
    return written;
  });
}

Status TooLarge() {
  return Error(Reason::kArgumentInvalid,
               "an envelope holds at most 2^32 chunks and 2^48 bytes; use "
               "larger chunks, or several envelopes");
}

}  // namespace

Source SourceOf(int fd, std::string name) {
  // Advice; a pipe does not take it.
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return [fd, name = std::move(name)](MutableByteView out) -> StatusOr<size_t> {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t size = read(fd, out.data() + done, out.size() - done);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return FileFailure("cannot read", name);
      if (size == 0) break;
      done += static_cast<size_t>(size);
    }
    return done;
  };
}

Sink SinkOf(int fd, std::string name) {
  return [fd, name = std::move(name)](ByteView bytes) -> Status {
    while (!bytes.empty()) {
      const ssize_t size = write(fd, bytes.data(), bytes.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return FileFailure("cannot write", name);
      bytes = bytes.subspan(static_cast<size_t>(size));
    }
    return OkStatus();
  };
}

Context DefaultEnvelopeContext() {
  return {{"strongroom.purpose", "envelope"}};
}

StatusOr<BulkHead> ReadHead(const Source& source) {
  Bytes bytes(envelope::kFixedSize);
  SR_ASSIGN_OR_RETURN(const size_t found, source(bytes));
  bytes.resize(found);
  SR_ASSIGN_OR_RETURN(const BulkFixed fixed, envelope::ParseBulkFixed(bytes));
  SR_ASSIGN_OR_RETURN(
      const Bytes rest,
      ReadExactly(source, fixed.head_size() - bytes.size(), "the slots"));
  Append(&bytes, rest);
  return envelope::ParseBulkHead(bytes);
}

StatusOr<SealedFile> FileSealer::Seal(const Source& source, const Sink& body,
                                      const Sink* side) const {
  BulkHead head;
  head.fixed.form = side == nullptr ? BulkForm::kAttached : BulkForm::kDetached;
  head.fixed.chunk_log2 = options_.chunk_log2;
  if (options_.chunk_log2 < envelope::kMinChunkLog2 ||
      options_.chunk_log2 > envelope::kMaxChunkLog2) {
    return Error(Reason::kArgumentInvalid,
                 "chunks of 2^" + std::to_string(options_.chunk_log2) +
                     " bytes; want 2^12 to 2^24");
  }
  FillRandom(head.fixed.salt);
  SR_ASSIGN_OR_RETURN(
      DataKey made, client_.GenerateDataKey(key_, envelope::kBulkDekSize, true,
                                            options_.context));
  SR_ASSIGN_OR_RETURN(const BodyKeys keys,
                      BodyKeys::Derive(made.dek, head.fixed));
  made.dek.Wipe();
  head.fixed.commitment = keys.commitment;
  if (!envelope::FitsSlot(made.wrapped_dek.size(), head.fixed.slot_size())) {
    return Error(Reason::kInternal,
                 "the service gave a token of " +
                     std::to_string(made.wrapped_dek.size()) +
                     " bytes, which fits into no slot");
  }
  head.slots[0] = {.sequence = 1, .token = std::move(made.wrapped_dek)};
  const Bytes head_bytes = envelope::SerializeBulkHead(head);
  SR_RETURN_IF_ERROR(
      body(side == nullptr ? head_bytes : envelope::BodyPrefix(head.fixed)));

  const size_t chunk = head.fixed.chunk_size();
  const Pieces pieces = PiecesOf(chunk, options_.threads, true);
  const uint64_t most =
      std::min(envelope::kMaxBulkPlaintext, envelope::kMaxChunks * chunk);
  uint64_t taken = 0, written = 0, chunks_written = 0;
  SR_RETURN_IF_ERROR(RunPipeline(
      pieces.shape,
      [&](MutableByteView out) -> StatusOr<size_t> {
        SR_ASSIGN_OR_RETURN(const size_t size, source(out));
        taken += size;
        if (taken > most) return TooLarge();
        return size;
      },
      [&] { return SealingWorker(keys, chunk, pieces.chunks); },
      [&](ByteView sealed) -> Status {
        SR_RETURN_IF_ERROR(body(sealed));
        written += sealed.size();
        chunks_written += (sealed.size() - 1) / (chunk + kChunkTagSize) + 1;
        if (options_.progress) {
          options_.progress(written - chunks_written * kChunkTagSize);
        }
        return OkStatus();
      }));
  if (side != nullptr) SR_RETURN_IF_ERROR((*side)(head_bytes));
  return SealedFile{.plaintext_size = taken, .key_version = made.key_version};
}

StatusOr<uint64_t> FileOpener::Open(const Source& source, const Sink& sink,
                                    const Source* side) const {
  SR_ASSIGN_OR_RETURN(const BulkHead head, HeadOf(source, side));
  SR_ASSIGN_OR_RETURN(const BodyKeys keys,
                      OpenHead(client_, head, options_.context));
  const size_t chunk = head.fixed.chunk_size();
  const Pieces pieces = PiecesOf(chunk, options_.threads, false);
  uint64_t written = 0;
  SR_RETURN_IF_ERROR(RunPipeline(
      pieces.shape, source,
      [&] { return OpeningWorker(keys, chunk, pieces.chunks); },
      [&](ByteView plaintext) -> Status {
        SR_RETURN_IF_ERROR(sink(plaintext));
        written += plaintext.size();
        if (written > envelope::kMaxBulkPlaintext) return TooLarge();
        if (options_.progress) options_.progress(written);
        return OkStatus();
      }));
  return written;
}

StatusOr<uint64_t> FileOpener::OpenRange(int fd, const std::string& name,
                                         uint64_t offset, uint64_t size,
                                         const Sink& sink,
                                         const Source* side) const {
  SR_ASSIGN_OR_RETURN(const BulkHead head, HeadOf(SourceOf(fd, name), side));
  SR_ASSIGN_OR_RETURN(const BodyKeys keys,
                      OpenHead(client_, head, options_.context));
  struct stat about {};
  if (fstat(fd, &about) != 0) return FileFailure("cannot look at", name);
  if (!S_ISREG(about.st_mode)) {
    return Error(Reason::kArgumentInvalid,
                 name + " is not a regular file; a range is read of one only");
  }
  const uint64_t start =
      side == nullptr ? head.fixed.head_size() : envelope::kBodyPrefixSize;
  const uint64_t file_size = static_cast<uint64_t>(about.st_size);
  const uint64_t chunk = head.fixed.chunk_size();
  SR_ASSIGN_OR_RETURN(
      const envelope::BodyShape shape,
      envelope::ShapeOfBody(file_size < start ? 0 : file_size - start, chunk));
  SR_ASSIGN_OR_RETURN(ChunkCipher cipher,
                      ChunkCipher::Create(keys, ChunkCipher::Direction::kOpen));
  offset = std::min(offset, shape.plaintext_size);
  const uint64_t end = offset + std::min(size, shape.plaintext_size - offset);
  Bytes sealed(chunk + kChunkTagSize);
  SecretBytes plain(chunk);
  // Even an empty range is said only of an envelope that opens.
  uint64_t index = std::min(offset / chunk, shape.chunks - 1);
  do {
    const bool last = index == shape.chunks - 1;
    const size_t want = last ? shape.last_size : sealed.size();
    const ssize_t found =
        pread(fd, sealed.data(), want,
              static_cast<off_t>(start + index * sealed.size()));
    if (found < 0) return FileFailure("cannot read", name);
    if (static_cast<size_t>(found) != want) {
      return Error(Reason::kMalformed,
                   name + " became shorter while it was read");
    }
    SR_RETURN_IF_ERROR(cipher.Open(index, last, ByteView(sealed).first(want),
                                   plain.ExposeMutable().data()));
    const uint64_t at = index * chunk;
    const uint64_t from = std::max(offset, at) - at;
    const uint64_t to = std::min(end, at + want - kChunkTagSize) - at;
    if (to > from) {
      SR_RETURN_IF_ERROR(sink(plain.Expose().subspan(from, to - from)));
    }
    ++index;
  } while (index * chunk < end);
  return end - offset;
}

Envelope::Envelope(Client& client, std::string key, Context context)
    : client_(client), key_(std::move(key)) {
  options_.context = std::move(context);
  options_.threads = 1;
}

StatusOr<Bytes> Envelope::Seal(ByteView plaintext) const {
  Bytes out;
  const Source source = [&](MutableByteView buffer) -> StatusOr<size_t> {
    const size_t size = std::min(buffer.size(), plaintext.size());
    std::copy_n(plaintext.begin(), size, buffer.begin());
    plaintext = plaintext.subspan(size);
    return size;
  };
  const Sink sink = [&](ByteView bytes) {
    Append(&out, bytes);
    return OkStatus();
  };
  SR_RETURN_IF_ERROR(
      FileSealer(client_, key_, options_).Seal(source, sink).status());
  return out;
}

StatusOr<SecretBytes> Envelope::Open(ByteView sealed) const {
  SecretBytes out(sealed.size());  // the plaintext is shorter
  size_t done = 0;
  const Source source = [&](MutableByteView buffer) -> StatusOr<size_t> {
    const size_t size = std::min(buffer.size(), sealed.size());
    std::copy_n(sealed.begin(), size, buffer.begin());
    sealed = sealed.subspan(size);
    return size;
  };
  const Sink sink = [&](ByteView bytes) {
    std::ranges::copy(
        bytes, out.ExposeMutable().begin() + static_cast<std::ptrdiff_t>(done));
    done += bytes.size();
    return OkStatus();
  };
  SR_RETURN_IF_ERROR(FileOpener(client_, options_).Open(source, sink).status());
  out.Truncate(done);
  return out;
}

}  // namespace strongroom::client
