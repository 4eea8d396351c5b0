// Audit log: one JSON line for every request, refusals included.
//
// A line is *written* (write(2) returned) before its answer leaves, so that a
// killed process loses none. It is *durable* (fdatasync returned) before the
// answer of a lifecycle operation leaves. A caller of the service gets
// AUDIT_UNAVAILABLE and no result if that fails. Lines hold names, ids, counts
// and outcomes: never plaintext, keys, blobs or context values.
//
// Thread rule: thread-safe; records that arrive together share one write(2).
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
  std::string door;                // its name: by which door it came in
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
  // Append returns once the record is written, or durable. AUDIT_UNAVAILABLE if
  // the file did not take all of it; each later Append fails likewise until a
  // line can be written again. A torn line is ended before the next one.
  virtual Status Append(const Record& record, Durability durability) = 0;
  // AppendThen gives Append's outcome to `then`, once, on this thread, before
  // AppendThen returns. Inside Together it may be later, before that returns.
  using Then = std::function<void(Status)>;
  virtual void AppendThen(const Record& record, Durability durability,
                          Then then) {
    then(Append(record, durability));
  }
  // Together runs `work`, then writes the records that AppendThen got in it on
  // this thread by one write(2). Durable records are not gathered.
  virtual void Together(const std::function<void()>& work) { work(); }
  // Ready is AUDIT_UNAVAILABLE if the last line could not be written. The
  // service then refuses changes before it makes them; the record of such a
  // refusal is the next try. Ready does not touch the file.
  virtual Status Ready() const = 0;
  // Reopen closes and opens the path again: after a log rotation.
  virtual Status Reopen() = 0;
};

// OpenAuditLog opens or makes (mode 0600) the file, ends a torn last line and
// goes on after the last number. AUDIT_UNAVAILABLE if that fails, if `path` is
// not a regular file, or if its last line is not an audit line. The process
// must ignore SIGXFSZ: a limit on file sizes raises it.
StatusOr<std::unique_ptr<AuditLog>> OpenAuditLog(const std::string& path,
                                                 Metrics& metrics);

// FormatRecord gives the line with this sequence number, without its newline.
// It is ASCII: other characters are escaped, bytes that are not UTF-8 replaced.
// Texts longer than 1024 bytes are cut.
std::string FormatRecord(const Record& record, uint64_t sequence);

}  // namespace strongroom::audit
