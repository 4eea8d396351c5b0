// AuditFile: the descriptor of an audit log and what is at its end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "strongroom/base/status.h"

namespace strongroom::audit {

// Written is how far a write came.
struct Written {
  size_t bytes = 0;  // that are in the file
  Status status;     // OK if these are all
};

// AuditFile appends to one file. Not thread-safe, except that Sync may run
// beside Append.
class AuditFile {
 public:
  // Open makes the file (mode 0600) or finds its end. AUDIT_UNAVAILABLE.
  static StatusOr<std::unique_ptr<AuditFile>> Open(const std::string& path);
  ~AuditFile();
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  // The sequence number after the last one in the file as it was opened.
  uint64_t next_sequence() const { return next_sequence_; }
  // Torn: the file's last byte does not end a line.
  bool torn() const { return torn_; }
  // Removed: no directory names the file any more, so its lines would be lost.
  bool Removed() const;
  // EndTornLine writes the newline that a torn last line lacks, if it does.
  Status EndTornLine();

  // Append writes whole lines by one write(2), more only if it came short.
  Written Append(std::string_view lines);
  // Sync is fdatasync(2).
  Status Sync();

 private:
  AuditFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status ReadEnd();
  Status Fault(std::string_view what) const;

  const std::string path_;
  const int fd_;
  uint64_t next_sequence_ = 1;
  bool torn_ = false;
};

}  // namespace strongroom::audit
