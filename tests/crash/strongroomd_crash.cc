// strongroomd as it is, but for a hook: it writes down its crash points and can
// die at one of them by SIGKILL, so that nothing of it runs on.
//
//   STRONGROOM_CRASH_LOG=FILE  append the name of each step, a line each
//   STRONGROOM_CRASH_AT=N      die at the N-th step that is reached
//   STRONGROOM_CRASH_DISK=1    each change of a file is a step too: the calls
//                              below, of this program and of its libraries
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "server/strongroomd.h"
#include "strongroom/base/crash_points.h"

namespace {

std::atomic<int> g_left{0};
std::atomic<bool> g_disk{false};
int g_log = -1;

void OnStep(const char* step) {
  if (g_log >= 0) {
    // One write: lines of two threads do not mix.
    const std::string line = std::string(step) + "\n";
    if (write(g_log, line.data(), line.size()) < 0) std::abort();
  }
  if (g_left.fetch_sub(1) != 1) return;
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

void OnDisk(const char* step) {
  if (g_disk.load()) OnStep(step);
}

// Sockets and wake-ups are written too, as often as they like.
void OnDiskOf(int fd, const char* step) {
  if (!g_disk.load() || fd == g_log || fd <= STDERR_FILENO) return;
  struct stat about {};
  if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) OnStep(step);
}

template <typename Function>
Function* Real(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// The death is before the change. SoftHSM empties a file and then writes it by
// calls that are not seen here, so there it is after the change too.
extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const real = Real(&write, "write");
  OnDiskOf(fd, "disk/write");
  return real(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static auto* const real = Real(&pwrite, "pwrite");
  OnDiskOf(fd, "disk/pwrite");
  return real(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  static auto* const real = Real(&pwrite64, "pwrite64");
  OnDiskOf(fd, "disk/pwrite");
  return real(fd, data, size, at);
}

int ftruncate(int fd, off_t size) noexcept {
  static auto* const real = Real(&ftruncate, "ftruncate");
  OnDiskOf(fd, "disk/ftruncate");
  const int result = real(fd, size);
  OnDiskOf(fd, "disk/ftruncated");
  return result;
}

int ftruncate64(int fd, off64_t size) noexcept {
  static auto* const real = Real(&ftruncate64, "ftruncate64");
  OnDiskOf(fd, "disk/ftruncate");
  const int result = real(fd, size);
  OnDiskOf(fd, "disk/ftruncated");
  return result;
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = Real(&rename, "rename");
  OnDisk("disk/rename");
  return real(from, to);
}

int unlink(const char* path) noexcept {
  static auto* const real = Real(&unlink, "unlink");
  OnDisk("disk/unlink");
  return real(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* const real = Real(&mkdir, "mkdir");
  OnDisk("disk/mkdir");
  return real(path, mode);
}

}  // extern "C"

int main(int argc, char** argv) {
  if (const char* log = std::getenv("STRONGROOM_CRASH_LOG")) {
    g_log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (g_log < 0) {
      std::perror(log);
      return 2;
    }
  }
  if (const char* at = std::getenv("STRONGROOM_CRASH_AT")) {
    g_left = std::atoi(at);
    if (g_left <= 0) {
      std::fprintf(stderr, "STRONGROOM_CRASH_AT is %s; want 1 or more\n", at);
      return 2;
    }
  }
  g_disk = std::getenv("STRONGROOM_CRASH_DISK") != nullptr;
  strongroom::SetCrashHookForTest(&OnStep);
  return strongroom::server::StrongroomdMain(argc, argv);
}
