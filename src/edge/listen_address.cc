#include "edge/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace strongroom::edge {
namespace {

Status Invalid(std::string_view text, std::string_view why) {
  return Error(Reason::kConfigInvalid,
               "address \"" + std::string(text.substr(0, 128)) +
                   "\": " + std::string(why) +
                   "; want ADDRESS:PORT such as 127.0.0.1:7443 or [::1]:7443");
}

}  // namespace

StatusOr<ListenAddress> ListenAddress::Parse(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Invalid(text, "no port");
  std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return Invalid(text, "the port is not a number from 0 to 65535");
  }
  std::string host(text.substr(0, colon));
  if (host == "localhost") host = "127.0.0.1";
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  in6_addr binary;
  if (inet_pton(bracketed ? AF_INET6 : AF_INET, host.c_str(), &binary) != 1) {
    return Invalid(text, "the host is not an IP address");
  }
  return ListenAddress(std::move(host), bracketed, port);
}

std::string ListenAddress::WithPort(int port) const {
  std::string host = is_v6_ ? "[" + host_ + "]" : host_;
  return host + ":" + std::to_string(port);
}

bool ListenAddress::IsLoopback() const {
  if (is_v6_) {
    in6_addr binary;
    inet_pton(AF_INET6, host_.c_str(), &binary);
    return IN6_IS_ADDR_LOOPBACK(&binary);
  }
  in_addr binary;
  inet_pton(AF_INET, host_.c_str(), &binary);
  return (ntohl(binary.s_addr) >> 24) == 127;
}

ListeningSocket::~ListeningSocket() {
  if (fd_ >= 0) close(fd_);
}

StatusOr<ListeningSocket> ListenAddress::Listen() const {
  int fd = socket(is_v6_ ? AF_INET6 : AF_INET,
                  SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return Error(
        Reason::kConfigInvalid,
        "cannot make a socket for " + ToString() + ": " + std::strerror(errno));
  }
  ListeningSocket owner(fd, port_);
  // A port whose last owner just left is free.
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port_);
  const sockaddr* address = nullptr;
  socklen_t size = 0;
  if (is_v6_) {
    inet_pton(AF_INET6, host_.c_str(), &v6.sin6_addr);
    address = reinterpret_cast<const sockaddr*>(&v6);
    size = sizeof v6;
  } else {
    inet_pton(AF_INET, host_.c_str(), &v4.sin_addr);
    address = reinterpret_cast<const sockaddr*>(&v4);
    size = sizeof v4;
  }
  if (bind(fd, address, size) == 0 && listen(fd, SOMAXCONN) == 0) {
    sockaddr_in6 real{};
    socklen_t length = sizeof real;
    getsockname(fd, reinterpret_cast<sockaddr*>(&real), &length);
    // The port is at the same place in both families' addresses.
    owner.set_port(ntohs(real.sin6_port));
    return owner;
  }
  int failed = errno;
  if (failed == EADDRINUSE) {
    return Error(Reason::kAddressInUse,
                 "address " + ToString() +
                     " is in use; want it free: stop what listens there or "
                     "choose another port");
  }
  return Error(Reason::kConfigInvalid,
               "cannot listen on " + ToString() + ": " + std::strerror(failed));
}

}  // namespace strongroom::edge
