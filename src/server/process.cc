#include "server/process.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "strongroom/base/log.h"
#include "strongroom/base/secret_bytes.h"

namespace strongroom::server {
namespace {

sigset_t WatchedSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void HardenProcess() {
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
  umask(0077);
  signal(SIGPIPE, SIG_IGN);
  // A file size limit is an error to answer (EFBIG), not a reason to die.
  signal(SIGXFSZ, SIG_IGN);
}

std::string WarnAboutLockedMemory() {
  // One secret, so that the arena has tried.
  SecretBytes probe(32);
  if (GetSecretArenaStats().locked) return "";
  return "memory with secrets is not locked and could reach swap; raise "
         "RLIMIT_MEMLOCK (LimitMEMLOCK=64M in the systemd unit) or turn swap "
         "off";
}

std::string RaiseOpenFiles(int connections) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return "";
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_NOFILE, &files);
  const rlim_t wanted = static_cast<rlim_t>(connections) + 512;
  if (files.rlim_cur >= wanted) return "";
  return "RLIMIT_NOFILE is " + std::to_string(files.rlim_cur) +
         ", too low for " + std::to_string(connections) +
         " connections (limits.max_connections), so fewer are taken; raise it "
         "to " +
         std::to_string(wanted) +
         " (LimitNOFILE in the systemd unit) or lower max_connections";
}

void NotifySupervisor(const std::string& line) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  size_t size = std::strlen(path);
  if (size == 0 || size >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';  // abstract
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  socklen_t length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  if (sendto(fd, line.data(), line.size(), 0,
             reinterpret_cast<const sockaddr*>(&address), length) < 0) {
    log::Warning("could not tell the supervisor",
                 {{"line", line}, {"cause", std::strerror(errno)}});
  }
  close(fd);
}

SignalWatcher::SignalWatcher(std::function<void()> reload)
    : reload_(std::move(reload)) {
  sigset_t set = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Watch(); });
}

SignalWatcher::~SignalWatcher() {
  uint64_t one = 1;
  while (write(wake_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  close(signals_);
  close(wake_);
}

void SignalWatcher::WaitForStop() {
  MutexLock lock(mutex_);
  while (!stopping_) changed_.Wait(mutex_);
}

void SignalWatcher::Watch() {
  while (true) {
    pollfd ready[2] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) continue;
    if (ready[1].revents != 0) return;
    signalfd_siginfo info;
    if (read(signals_, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo == SIGHUP) {
      reload_();
    } else {
      OnStop();
    }
  }
}

void SignalWatcher::OnStop() {
  MutexLock lock(mutex_);
  if (stopping_) {
    log::Error("told to stop a second time: ending at once");
    _exit(1);
  }
  stopping_ = true;
  changed_.SignalAll();
}

Watchdog::Watchdog(std::chrono::steady_clock::time_point until) {
  thread_ = std::thread([this, until] {
    MutexLock lock(mutex_);
    while (!done_) {
      if (changed_.WaitUntil(mutex_, until) || done_) continue;
      log::Error("stopping took too long: ending at once");
      _exit(1);
    }
  });
}

Watchdog::~Watchdog() {
  {
    MutexLock lock(mutex_);
    done_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

}  // namespace strongroom::server
