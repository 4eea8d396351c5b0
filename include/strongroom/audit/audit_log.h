// Audit log: one JSON line for every request, refusals included.
//
// A line is *written* (write(2) returned) before its answer leaves, so a killed
// process loses none; *durable* (fdatasync returned) before the answer of a
// lifecycle operation. If that cannot be, the caller of the service gets
// AUDIT_UNAVAILABLE and no result. Lines hold names, ids, counts, outcomes:
// never plaintext, keys, token strings, or context values.
// Thread rule: thread-safe; records that arrive together are written together
// by whichever thread comes first.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/status.h"

namespace strongroom::audit {

// Record is one request. Empty strings and zeros are left out of the line.
struct Record {
  WallTime time{};
  std::string request_id;
  std::string caller;              // identity; empty if there was none
  std::string peer;                // network address
  std::string operation;           // RPC name, or "service.start" and the like
  std::string key;                 // name as asked for or resolved
  std::vector<uint32_t> versions;  // key versions used, distinct, sorted
  uint32_t items = 0;
  uint32_t failed_items = 0;
  std::string outcome;  // "OK" or the reason
  std::string detail;   // the error's message, or what changed
  uint64_t duration_us = 0;
};

enum class Durability { kWritten, kDurable };

class AuditLog {
 public:
  virtual ~AuditLog() = default;
  // Append returns when the record is as safe as asked. AUDIT_UNAVAILABLE if
  // the file takes it not whole; the log then stays closed to all until a line
  // can be written again (a torn line is ended before the next one).
  virtual Status Append(const Record& record, Durability durability) = 0;
  // AppendThen gives Append's outcome to `then`, once, on this thread: before
  // it returns; or, inside of Together, before that does.
  using Then = std::function<void(Status)>;
  virtual void AppendThen(const Record& record, Durability durability,
                          Then then) {
    then(Append(record, durability));
  }
  // Together runs `work`. What AppendThen was given in it on this thread, and
  // need only be written, is then written at once by one write(2).
  virtual void Together(const std::function<void()>& work) { work(); }
  // Ready is AUDIT_UNAVAILABLE if the last line could not be written: what
  // would change something is then refused before it is done. The refusal's own
  // record finds out whether the log is well again. Does not touch the file.
  virtual Status Ready() const = 0;
  // Reopen closes and opens the path again: after a log rotation.
  virtual Status Reopen() = 0;
};

// OpenAuditLog opens `path` for appending (made with mode 0600), ends a torn
// last line, goes on after the last sequence number. AUDIT_UNAVAILABLE if it
// cannot, or if the path is no regular file or ends in no line of ours. The
// process must ignore SIGXFSZ, or a file size limit ends it.
StatusOr<std::unique_ptr<AuditLog>> OpenAuditLog(const std::string& path,
                                                 Metrics& metrics);

// FormatRecord is the line with this sequence number, newline excluded. ASCII
// alone: the rest is escaped, bytes that are not UTF-8 are replaced, and texts
// longer than 1024 bytes are cut.
std::string FormatRecord(const Record& record, uint64_t sequence);

}  // namespace strongroom::audit
