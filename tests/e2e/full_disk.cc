// A disk that is full when a test says so: preloaded into strongroomd, it lets
// writes fail with ENOSPC for the files whose path has STRONGROOM_FULL_DISK_OF
// in it, while the file STRONGROOM_FULL_DISK_SWITCH exists.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

bool IsFull(int fd) {
  const char* of = getenv("STRONGROOM_FULL_DISK_OF");
  const char* on = getenv("STRONGROOM_FULL_DISK_SWITCH");
  if (of == nullptr || on == nullptr || access(on, F_OK) != 0) return false;
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return false;
  path[size] = '\0';
  return strstr(path, of) != nullptr;
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

template <typename... Rest>
ssize_t WriteUnlessFull(const char* name, int fd, const void* data, size_t size,
                        Rest... rest) {
  int before = errno;
  if (IsFull(fd)) {
    errno = ENOSPC;
    return -1;
  }
  errno = before;
  return Real<ssize_t(int, const void*, size_t, Rest...)>(name)(fd, data, size,
                                                                rest...);
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  return WriteUnlessFull("write", fd, data, size);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return WriteUnlessFull("pwrite", fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return WriteUnlessFull("pwrite64", fd, data, size, at);
}
}
