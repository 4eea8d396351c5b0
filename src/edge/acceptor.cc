#include "edge/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "strongroom/base/log.h"

namespace strongroom::edge {
namespace {

constexpr int kReservedFiles = 256;
// Whoever reaches the port can cause refusals; the log is not theirs to fill.
constexpr std::chrono::seconds kBetweenWarnings(10);
constexpr int kPauseMs = 100;

}  // namespace

int FreeFilesLimit(int files) {
  return files - std::min(kReservedFiles, files / 2);
}

Acceptor::Acceptor(ListeningSocket socket, int max_descriptor, Take take)
    : socket_(std::move(socket)),
      max_descriptor_(max_descriptor),
      take_(std::move(take)),
      wake_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Run(); }) {}

Acceptor::~Acceptor() {
  uint64_t one = 1;
  while (write(wake_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  close(wake_);
}

void Acceptor::Run() {
  while (true) {
    pollfd ready[2] = {{socket_.fd(), POLLIN, 0}, {wake_, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) continue;
    if (ready[1].revents != 0) return;
    AcceptOne();
  }
}

void Acceptor::AcceptOne() {
  int fd =
      accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED) return;
    NoteRefusal();
    // No descriptor or no memory at all: the connection waits in the backlog.
    pollfd wake = {wake_, POLLIN, 0};
    poll(&wake, 1, kPauseMs);
    return;
  }
  if (fd >= max_descriptor_) {
    close(fd);
    NoteRefusal();
    return;
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  take_(socket_.fd(), fd);
}

void Acceptor::NoteRefusal() {
  auto now = std::chrono::steady_clock::now();
  if (now < next_warning_) return;
  next_warning_ = now + kBetweenWarnings;
  log::Warning("too many connections: new ones are refused",
               {{"below_descriptor", max_descriptor_}});
}

}  // namespace strongroom::edge
