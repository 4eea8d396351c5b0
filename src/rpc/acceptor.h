// Acceptor: takes connections from a listening socket and gives gRPC those
// there is room for.
//
// gRPC 1.51 limits nothing itself, and its listener ends for good when
// accept(2) finds no free descriptor. Here a connection whose descriptor has a
// number at or over the limit is closed at once: the kernel gives the lowest
// free number, so all that are taken together stay below, and the rest is left
// for the store, the token and the audit log.
#pragma once

#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>
#include <thread>

#include "rpc/listen_address.h"

namespace strongroom::rpc {

// FreeFilesLimit is the descriptor number from which on connections are refused
// when `files` may be open: 256 are left for all else, or half if they are few.
int FreeFilesLimit(int files);

class Acceptor {
 public:
  // Takes over the socket and starts accepting on a thread of its own.
  // Connections below `max_descriptor` go to `grpc`.
  Acceptor(
      ListeningSocket socket, int max_descriptor,
      std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc);
  // Accepts no more; what was accepted stays gRPC's.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  void Run();
  void AcceptOne();
  void NoteRefusal();

  const ListeningSocket socket_;
  const int max_descriptor_;
  const std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc_;
  const int wake_;  // eventfd: the destructor's
  std::chrono::steady_clock::time_point next_warning_{};  // the thread's own
  std::thread thread_;
};

}  // namespace strongroom::rpc
