// Objects of any size under a DEK of their own: the bulk envelope
// (docs/envelope.md) over streams, files and memory.
//
// Memory does not grow with the size: about 16 MiB with the default chunk, at
// most 64 MiB. All cores seal and open. Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/client/client.h"
#include "strongroom/envelope/body_cipher.h"
#include "strongroom/envelope/bulk.h"

namespace strongroom::client {

// A Source fills the buffer and gives the bytes read: fewer only at the end of
// the stream. A Sink takes all of its bytes. The calls below return their
// failures (FILE_UNREADABLE).
using Source = std::function<StatusOr<size_t>(MutableByteView)>;
using Sink = std::function<Status(ByteView)>;
// SourceOf and SinkOf use a descriptor, which the caller keeps open; `name` is
// for messages.
Source SourceOf(int fd, std::string name);
Sink SinkOf(int fd, std::string name);

// DefaultEnvelopeContext is for callers that give no context. Prefer one with
// the object's name: an envelope can be swapped for another of the same key and
// context.
Context DefaultEnvelopeContext();

struct FileOptions {
  Context context = DefaultEnvelopeContext();
  int chunk_log2 = envelope::kDefaultChunkLog2;
  int threads = 0;  // 0: one for each core
  // Called with the plaintext bytes done so far, on the calling thread.
  std::function<void(uint64_t)> progress;
};

struct SealedFile {
  uint64_t plaintext_size = 0;
  uint32_t key_version = 0;
};

// FileSealer seals streams under fresh DEKs of one key.
class FileSealer {
 public:
  FileSealer(Client& client, std::string key, FileOptions options)
      : client_(client), key_(std::move(key)), options_(std::move(options)) {}

  // Seal writes an envelope to `body`. With `side` it is detached: the head
  // goes to `side` after the whole body. ARGUMENT_INVALID (chunk_log2, more
  // than 2^48 bytes); failures of GenerateDataKey, `source` and the sinks.
  // After a failure the bytes written are of no use.
  StatusOr<SealedFile> Seal(const Source& source, const Sink& body,
                            const Sink* side = nullptr) const;

 private:
  Client& client_;
  const std::string key_;
  const FileOptions options_;
};

// FileOpener opens streams.
class FileOpener {
 public:
  FileOpener(Client& client, FileOptions options)
      : client_(client), options_(std::move(options)) {}

  // Open writes the plaintext, each piece after it authenticated, and gives its
  // size. After a failure the caller discards the bytes written. MALFORMED,
  // FORMAT_UNKNOWN, NOT_AUTHENTIC; failures of `source`, of `sink`, and of
  // Unwrap if both slots fail.
  StatusOr<uint64_t> Open(const Source& source, const Sink& sink,
                          const Source* side = nullptr) const;

  // OpenRange writes `size` bytes from `offset` of an envelope in a file, fewer
  // where it ends. It notices a file that was cut only if the range reaches the
  // last chunk.
  StatusOr<uint64_t> OpenRange(int fd, const std::string& name, uint64_t offset,
                               uint64_t size, const Sink& sink,
                               const Source* side = nullptr) const;

 private:
  Client& client_;
  const FileOptions options_;
};

// ReadHead reads and parses the head, and nothing behind it.
StatusOr<envelope::BulkHead> ReadHead(const Source& source);

// SlotFile is an open, locked file with the slots of an envelope.
// FILE_UNREADABLE; CONFLICT if another process has it locked.
class SlotFile {
 public:
  virtual ~SlotFile() = default;
  virtual StatusOr<size_t> ReadAt(uint64_t offset, MutableByteView out) = 0;
  virtual Status WriteAt(uint64_t offset, ByteView bytes) = 0;
  virtual Status Sync() = 0;  // all that was written is on the disk
};
// OpenSlotFile opens and locks (flock) an existing regular file; a symbolic
// link is followed.
StatusOr<std::unique_ptr<SlotFile>> OpenSlotFile(const std::string& path);

struct RewrapResult {
  uint32_t from_version = 0;
  uint32_t to_version = 0;
  bool written = false;  // false: both slots were at the primary already
};

// Rewrapper moves envelopes, or side files, to their key's primary version, in
// place by two small writes. Their order keeps a file that opens at any power
// cut (docs/envelope.md).
class Rewrapper {
 public:
  explicit Rewrapper(Client& client) : client_(client) {}

  // MALFORMED, FORMAT_UNKNOWN; NOT_AUTHENTIC if the slots hold different DEKs
  // or the service gave another token; CONFLICT if the slots are too small for
  // this, or used up; failures of Rewrap and of the file.
  StatusOr<RewrapResult> Rewrap(SlotFile& file) const;

 private:
  Client& client_;
};

// Envelope seals and opens small objects in memory.
class Envelope {
 public:
  Envelope(Client& client, std::string key, Context context);
  StatusOr<Bytes> Seal(ByteView plaintext) const;
  StatusOr<SecretBytes> Open(ByteView envelope) const;

 private:
  Client& client_;
  const std::string key_;
  FileOptions options_;
};

}  // namespace strongroom::client
