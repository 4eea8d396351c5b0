// Director: reads the control file and says what shall happen to each call.
//
// Thread rule: every member may be called from any thread.
#pragma once

#include <sys/stat.h>

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "hsm/shim/script.h"

namespace shim {

// Plan is what one call meets, in this order.
struct Plan {
  bool hang = false;
  bool serialise = false;
  std::chrono::microseconds latency{0};
  std::optional<Fault> fault;
};

class Director {
 public:
  // Configure takes the paths; empty means none. Ends the process if the log
  // cannot be opened.
  void Configure(std::string control_path, std::string log_path);

  // Reload reads the file if it changed; true if it did, and then *script is
  // new and its one-time commands are the caller's to do. Counting starts anew.
  // A file with a line that is not understood ends the process: a fault that is
  // silently not injected would make a test lie.
  bool Reload(std::shared_ptr<const Script>* script);

  std::shared_ptr<const Script> script() const;
  // Begin counts one call of the function and plans it.
  Plan Begin(size_t function);
  // HangUntilReleased returns when the file no longer hangs this function.
  void HangUntilReleased(size_t function);
  // Log writes "C_Name CKR_NAME detail" as one line, if there is a log.
  void Log(size_t function, const std::string& outcome);

 private:
  bool FileChanged();

  mutable std::mutex mutex_;
  std::string control_path_;
  std::string log_path_;
  int log_ = -1;
  struct stat seen_ = {};
  std::shared_ptr<const Script> script_ = std::make_shared<Script>();
  std::array<uint64_t, kFunctions> counts_ = {};
};

}  // namespace shim
