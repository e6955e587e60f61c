#include "broker/kernel/network_state.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <iostream>
#include <memory>

#include "broker/kernel/network_namespace.h"

namespace writ {
namespace {

sockaddr_in loopback(in_port_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int bound_socket(int type, in_port_t port) {
  const int made = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  return ::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? made : -1;
}

constexpr in_port_t kPort = 4711;

// A socket that is open, and nothing else.
bool hold_port() { return bound_socket(SOCK_STREAM, kPort) >= 0; }

bool take_and_leave_port() { return ::close(bound_socket(SOCK_STREAM, kPort)) == 0; }

bool send_datagram() {
  const int sender = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(kPort);
  const bool sent = ::sendto(sender, "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 1;
  return ::close(sender) == 0 && sent;
}

bool connect_and_close() {
  const int listener = bound_socket(SOCK_STREAM, kPort);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(kPort);
  if (::listen(listener, 1) != 0 || ::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return false;
  return ::close(client) == 0 && ::close(listener) == 0;
}

bool hold_unix_socket() { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0; }

bool reach_nobody() {
  const int sender = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(kPort);
  address.sin_addr.s_addr = htonl(0x08080808);
  (void)::sendto(sender, "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return ::close(sender) == 0;
}

enum class Outcome : int { kSame, kDiffers, kImpossible };

// In a new network, by a process of its own: does what it shows differ after `action`?
Outcome look_around(bool (*action)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto leave = [](Outcome outcome) { ::_exit(static_cast<int>(outcome)); };
    if ((::geteuid() != 0 && ::unshare(CLONE_NEWUSER) != 0) || enter_network_namespace() < 0 || bring_up_loopback() < 0)
      leave(Outcome::kImpossible);
    const int proc = ::open("/proc", O_PATH | O_CLOEXEC);
    const auto before = std::make_unique<NetworkState>();
    const auto after = std::make_unique<NetworkState>();
    if (read_network_state(proc, *before) < 0 || !action() || read_network_state(proc, *after) < 0)
      leave(Outcome::kImpossible);
    leave(is_same(*before, *after) ? Outcome::kSame : Outcome::kDiffers);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? static_cast<Outcome>(WEXITSTATUS(status)) : Outcome::kImpossible;
}

bool do_nothing() { return true; }

}  // namespace

TEST_CASE("a network shows what has happened in it") {
  if (look_around(do_nothing) == Outcome::kImpossible) {
    std::cout << "SKIPPED: this host allows no network namespace\n";
    return;
  }
  CHECK(look_around(do_nothing) == Outcome::kSame);
  CHECK(look_around(take_and_leave_port) == Outcome::kSame);  // nothing is left of it
  CHECK(look_around(hold_port) == Outcome::kDiffers);
  CHECK(look_around(hold_unix_socket) == Outcome::kDiffers);
  CHECK(look_around(send_datagram) == Outcome::kDiffers);
  CHECK(look_around(connect_and_close) == Outcome::kDiffers);
  CHECK(look_around(reach_nobody) == Outcome::kDiffers);
}

}  // namespace writ
