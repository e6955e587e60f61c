// Which calls wait where rules about addresses are in force, and what is read about a caller's descriptors.
#include "broker/network/network_traps.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "broker/kernel/process_descriptor.h"
#include "broker/policy/bpf_interpreter.h"

namespace writ {
namespace {

std::uint32_t verdict(const BpfProgram& program, long number, std::uint64_t second = 0, std::uint64_t third = 0,
                      std::uint64_t fourth = 0) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = kNativeAuditArch;
  call.args[1] = second;
  call.args[2] = third;
  call.args[3] = fourth;
  return *interpret(program, call);
}

TEST_CASE("what connects waits for the broker and other sending does not") {
  const auto program = compile_listener_filter(network_traps());
  REQUIRE(program);
  for (const long number : {SYS_connect, SYS_bind, SYS_listen})
    CHECK(verdict(*program, number) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict(*program, SYS_sendto, 0, 0, MSG_FASTOPEN | MSG_NOSIGNAL) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict(*program, SYS_sendmsg, 0, MSG_FASTOPEN) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict(*program, SYS_sendmmsg, 0, 0, MSG_FASTOPEN) == SECCOMP_RET_USER_NOTIF);
  // Bits that the kernel does not look at must not hide it.
  CHECK(verdict(*program, SYS_sendmsg, 0, 0xDEAD00000000ull | MSG_FASTOPEN) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict(*program, SYS_sendto, 0, 0, MSG_NOSIGNAL) == SECCOMP_RET_ALLOW);
  CHECK(verdict(*program, SYS_sendmsg, 0, MSG_NOSIGNAL) == SECCOMP_RET_ALLOW);
  CHECK(verdict(*program, SYS_accept4) == SECCOMP_RET_ALLOW);
}

TEST_CASE("options that lead a connection elsewhere wait and all others do not") {
  const auto program = compile_listener_filter(network_traps());
  REQUIRE(program);
  const auto option = [&](std::uint64_t level, std::uint64_t name) {
    return verdict(*program, SYS_setsockopt, level, name);
  };
  CHECK(option(IPPROTO_IP, IP_OPTIONS) == SECCOMP_RET_USER_NOTIF);
  CHECK(option(IPPROTO_IPV6, IPV6_RTHDR) == SECCOMP_RET_USER_NOTIF);
  CHECK(option(SOL_SOCKET, SO_BINDTODEVICE) == SECCOMP_RET_USER_NOTIF);
  CHECK(option(IPPROTO_TCP, 30) == SECCOMP_RET_USER_NOTIF);  // TCP_FASTOPEN_CONNECT
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == SECCOMP_RET_ALLOW);
  CHECK(option(IPPROTO_TCP, IP_OPTIONS) == SECCOMP_RET_ALLOW);
  CHECK(constant_refusal(SYS_setsockopt) == EPERM);
  CHECK(constant_refusal(SYS_sendmsg) == EOPNOTSUPP);
  CHECK(constant_refusal(SYS_connect) == 0);
}

TEST_CASE("sendmsg may wait only on flags that the hand-over does not use") {
  const auto trap = [](std::uint8_t argument, std::uint32_t mask, std::uint32_t value) {
    const TrappedCall call{SYS_sendmsg, TrapScope::kWhen, {{ArgumentTest{argument, mask, {value}}}}};
    return compile_listener_filter({call}).has_value();
  };
  CHECK(trap(2, MSG_FASTOPEN, MSG_FASTOPEN));
  CHECK(!trap(2, MSG_FASTOPEN, 0));
  CHECK(!trap(2, MSG_NOSIGNAL, MSG_NOSIGNAL));
  CHECK(!trap(0, UINT32_MAX, 5));
  CHECK(!compile_listener_filter({{SYS_sendmsg, TrapScope::kAlways, {}}}));
}

TEST_CASE("what an epoll instance watches is read from its fdinfo") {
  const std::string line = "tfd:       12 events: 8000001d data:       deadbeef12  pos:0 ino:1 sdev:8";
  const auto found = watched_events(line, 12);
  REQUIRE(found);
  CHECK(found->events == 0x8000001d);
  CHECK(found->data == 0xdeadbeef12);
  CHECK(!watched_events(line, 1));
  for (const char* other : {"", "tfd:", "tfd: x events: 1 data: 1", "pos:\t0", "flags:\t02000002"})
    CHECK(!watched_events(other, 12));
}

TEST_CASE("epoll registrations are found and made again for another file under the same number") {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd old(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.u64 = 0x1122334455667788;
  REQUIRE(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, old.get(), &event) == 0);
  auto before = find_epoll_registrations(::getpid(), old.get());
  REQUIRE(before.size() == 1);
  CHECK(before[0].data == event.data.u64);
  CHECK((before[0].events & EPOLLRDHUP) != 0);
  const int number = old.get();
  const UniqueFd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::dup3(made.get(), number, O_CLOEXEC) == number);  // the old file ends, and its registration with it
  CHECK(find_epoll_registrations(::getpid(), number).empty());
  restore_epoll_registrations(before, made.get(), number);
  before.clear();  // its copies are in our own table here, and would be found as well
  const auto found = find_epoll_registrations(::getpid(), number);
  REQUIRE(found.size() == 1);
  CHECK(found[0].data == event.data.u64);
  CHECK(::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, number, nullptr) == 0);
}

}  // namespace
}  // namespace writ
