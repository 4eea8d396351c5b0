// Acceptor: takes connections from a listening socket and hands on those there
// is room for.
//
// A server that accepts by itself may limit nothing, and its listener may end
// for good when accept(2) finds no free descriptor. Here a connection whose
// descriptor has a number at or over the limit is closed at once: the kernel
// gives the lowest free number, so all that are taken together stay below, and
// the rest is left for the store, the token and the audit log.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "edge/listen_address.h"

namespace strongroom::edge {

// FreeFilesLimit is the descriptor number from which on connections are refused
// when `files` may be open: 256 are left for all else, or half if they are few.
int FreeFilesLimit(int files);

class Acceptor {
 public:
  // Take is given each connection, which does not block, and owns it from then
  // on; and the descriptor that listens. Runs on the Acceptor's thread.
  using Take = std::function<void(int listener, int connection)>;
  // Takes over the socket and starts accepting on a thread of its own.
  // Connections below `max_descriptor` go to `take`.
  Acceptor(ListeningSocket socket, int max_descriptor, Take take);
  // Accepts no more.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  void Run();
  void AcceptOne();
  void NoteRefusal();

  const ListeningSocket socket_;
  const int max_descriptor_;
  const Take take_;
  const int wake_;  // eventfd: the destructor's
  std::chrono::steady_clock::time_point next_warning_{};  // the thread's own
  std::thread thread_;
};

}  // namespace strongroom::edge
