// ListenAddress: a literal IP address and a port to listen on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "strongroom/base/status.h"

namespace strongroom::edge {

// ListeningSocket owns a socket that listens and does not block.
class ListeningSocket {
 public:
  ListeningSocket(int fd, int port) : fd_(fd), port_(port) {}
  ListeningSocket(ListeningSocket&& from) noexcept
      : fd_(std::exchange(from.fd_, -1)), port_(from.port_) {}
  ~ListeningSocket();
  ListeningSocket& operator=(ListeningSocket&&) = delete;

  int fd() const { return fd_; }
  // The real one when port 0 was asked for.
  int port() const { return port_; }
  void set_port(int port) { port_ = port; }

 private:
  int fd_;
  int port_;
};

// ListenAddress is a value. No names are looked up, so that what is listened on
// is what is written; "localhost" alone is taken, as 127.0.0.1.
class ListenAddress {
 public:
  // Parse takes "127.0.0.1:7443", "[::1]:7443", "localhost:0". CONFIG_INVALID.
  static StatusOr<ListenAddress> Parse(std::string_view text);

  std::string ToString() const { return WithPort(port_); }
  std::string WithPort(int port) const;
  bool IsLoopback() const;

  // Listen binds. ADDRESS_IN_USE; CONFIG_INVALID naming the cause (not an
  // address of this machine, a port that needs privileges).
  StatusOr<ListeningSocket> Listen() const;
  // Probe listens and lets go.
  Status Probe() const { return Listen().status(); }

 private:
  ListenAddress(std::string host, bool is_v6, uint16_t port)
      : host_(std::move(host)), is_v6_(is_v6), port_(port) {}
  std::string host_;
  bool is_v6_;
  uint16_t port_;
};

}  // namespace strongroom::edge
