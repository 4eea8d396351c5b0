// A disk that is full when a test says so: preloaded into a program, it lets
// writes fail with ENOSPC for the files whose path has STRONGROOM_FULL_DISK_OF
// in it, while the file STRONGROOM_FULL_DISK_SWITCH exists. If that file has a
// number in it, it is the errno instead; a minus before it: writes succeed, and
// flushes fail with it.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

// 0 if nothing fails, else what the switch says: see above.
int Fault() {
  const char* on = getenv("STRONGROOM_FULL_DISK_SWITCH");
  if (on == nullptr) return 0;
  FILE* file = fopen(on, "re");
  if (file == nullptr) return 0;
  int number = 0;
  if (fscanf(file, "%d", &number) != 1) number = ENOSPC;
  fclose(file);
  return number;
}

bool IsMeant(int fd) {
  const char* of = getenv("STRONGROOM_FULL_DISK_OF");
  if (of == nullptr) return false;
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
  int fault = Fault();
  if (fault > 0 && IsMeant(fd)) {
    errno = fault;
    return -1;
  }
  errno = before;
  return Real<ssize_t(int, const void*, size_t, Rest...)>(name)(fd, data, size,
                                                                rest...);
}

int FlushUnlessBroken(const char* name, int fd) {
  int before = errno;
  int fault = Fault();
  if (fault < 0 && IsMeant(fd)) {
    errno = -fault;
    return -1;
  }
  errno = before;
  return Real<int(int)>(name)(fd);
}

}  // namespace

extern "C" {

int fsync(int fd) { return FlushUnlessBroken("fsync", fd); }
int fdatasync(int fd) { return FlushUnlessBroken("fdatasync", fd); }

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
