// Objects of any size under a DEK of their own: the bulk envelope
// (docs/envelope.md) over streams, files and memory.
//
// Memory is bounded (about 16 MiB with the default chunk, at most 64), whatever
// the size; all cores seal and open. Thread rule: as a value; one call at a
// time.
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

// A Source fills the buffer unless the stream ends; a Sink takes all. Their
// failures (FILE_UNREADABLE) are handed on.
using Source = std::function<StatusOr<size_t>(MutableByteView)>;
using Sink = std::function<Status(ByteView)>;
// Of a descriptor that the caller keeps open; `name` is for messages.
Source SourceOf(int fd, std::string name);
Sink SinkOf(int fd, std::string name);

// The context of an envelope whose caller gives none. Better give one with the
// object's name: an envelope can be swapped for another of the same key and
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

  // Seal writes a whole envelope to `body`. With `side` it is detached: the
  // head goes there, once all of the body was taken. What was written before a
  // failure is of no use. ARGUMENT_INVALID (chunk_log2, more than 2^48 bytes);
  // failures of GenerateDataKey, `source` and the sinks.
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

  // Open writes the plaintext, each piece once it has authenticated; it is
  // whole only if the answer is OK, and to be discarded if not. Gives its size.
  // MALFORMED, FORMAT_UNKNOWN, NOT_AUTHENTIC; failures of Unwrap (the other
  // slot is tried first), `source` and `sink`.
  StatusOr<uint64_t> Open(const Source& source, const Sink& sink,
                          const Source* side = nullptr) const;

  // OpenRange writes `size` bytes from `offset` of an envelope in a file, fewer
  // where it ends. That the file was not cut shows only when its last chunk is
  // among those read.
  StatusOr<uint64_t> OpenRange(int fd, const std::string& name, uint64_t offset,
                               uint64_t size, const Sink& sink,
                               const Source* side = nullptr) const;

 private:
  Client& client_;
  const FileOptions options_;
};

// ReadHead reads and parses what stands before the chunks, and no more.
StatusOr<envelope::BulkHead> ReadHead(const Source& source);

// SlotFile is a file whose slots are rewritten. Its failures are
// FILE_UNREADABLE, or CONFLICT if another process has it locked.
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
// place: two small writes each, in an order that leaves an openable file
// whatever moment the power fails at (docs/envelope.md).
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
