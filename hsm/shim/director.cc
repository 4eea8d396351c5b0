#include "hsm/shim/director.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

namespace shim {
namespace {

// How often a hanging call looks whether it was released.
constexpr std::chrono::milliseconds kReleasePoll{1};

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "strongroom_shim: %s\n", what.c_str());
  std::abort();
}

std::chrono::microseconds Draw(const Latency& latency) {
  thread_local std::minstd_rand generator{std::random_device{}()};
  std::uniform_int_distribution<int64_t> range(latency.least.count(),
                                               latency.most.count());
  return std::chrono::microseconds(range(generator));
}

}  // namespace

void Director::Configure(std::string control_path, std::string log_path) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (control_path != control_path_) {
    control_path_ = std::move(control_path);
    script_ = std::make_shared<Script>();
    counts_ = {};
    seen_ = {};
  }
  if (log_path == log_path_) return;
  if (log_ >= 0) close(log_);
  log_ = -1;
  log_path_ = std::move(log_path);
  if (log_path_.empty()) return;
  log_ =
      open(log_path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log_ < 0) Die("cannot open the log " + log_path_);
}

bool Director::FileChanged() {
  struct stat now = {};
  // An absent file is an empty one.
  if (stat(control_path_.c_str(), &now) != 0) now = {};
  const bool same = now.st_ino == seen_.st_ino &&
                    now.st_size == seen_.st_size &&
                    now.st_mtim.tv_sec == seen_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == seen_.st_mtim.tv_nsec;
  seen_ = now;
  return !same;
}

bool Director::Reload(std::shared_ptr<const Script>* script) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (control_path_.empty() || !FileChanged()) return false;
  std::ifstream file(control_path_);
  std::ostringstream text;
  text << file.rdbuf();
  std::string error;
  std::optional<Script> parsed = ParseScript(text.str(), &error);
  if (!parsed) Die(control_path_ + ": " + error);
  script_ = std::make_shared<Script>(*std::move(parsed));
  counts_ = {};
  *script = script_;
  return true;
}

std::shared_ptr<const Script> Director::script() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return script_;
}

Plan Director::Begin(size_t function) {
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t call = ++counts_[function];
  Plan plan;
  plan.serialise = script_->serialise;
  for (const Hang& hang : script_->hangs) {
    plan.hang |= hang.function == function && hang.window.Covers(call);
  }
  for (const Latency& latency : script_->latencies) {
    if (latency.function == function) plan.latency = Draw(latency);
  }
  for (const Fault& fault : script_->faults) {
    if (fault.function == function && fault.window.Covers(call)) {
      plan.fault = fault;
    }
  }
  return plan;
}

void Director::HangUntilReleased(size_t function) {
  // Only this thread might be left to see the file change; the script it reads
  // has its one-time commands done by the next ordinary call, see shim.cc.
  for (;;) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      std::ifstream file(control_path_);
      std::ostringstream text;
      text << file.rdbuf();
      std::string error;
      const std::optional<Script> now = ParseScript(text.str(), &error);
      if (!now) Die(control_path_ + ": " + error);
      if (!now->Hangs(function)) return;
    }
    std::this_thread::sleep_for(kReleasePoll);
  }
}

void Director::Log(size_t function, const std::string& outcome) {
  int log = -1;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    log = log_;
  }
  if (log < 0) return;
  const std::string line =
      std::string(FunctionName(function)) + " " + outcome + "\n";
  // A lost line would make a count wrong, so it is no small matter.
  if (write(log, line.data(), line.size()) !=
      static_cast<ssize_t>(line.size())) {
    Die("cannot write the log");
  }
}

}  // namespace shim
