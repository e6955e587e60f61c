#include "broker/network/network_traps.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "broker/policy/syscall_numbers.h"

namespace writ {
namespace {

constexpr std::uint32_t kWhole = 0xFFFFFFFFu;
constexpr std::uint32_t kFastOpen = MSG_FASTOPEN;

// Numbers of options that Debian 12's headers lack or hide behind _GNU_SOURCE; the same on both architectures.
constexpr std::uint32_t kBindToDevice = 25, kBindToInterface = 62;
constexpr std::uint32_t kIpOptions = 4, kIpUnicastInterface = 50;
constexpr std::uint32_t kFastOpenConnect = 30;
constexpr std::uint32_t kIpv6PacketOptions = 6, kIpv6RoutingHeader = 57, kIpv6UnicastInterface = 76;

// No filter is compiled with it: a name that the table lacks stops the launch.
constexpr std::uint32_t kNoSuchCall = 0xFFFFFFFFu;

std::uint32_t number_of(std::string_view name) {
  const SyscallNumbers* row = find_syscall_numbers(name);
  if (row == nullptr) return kNoSuchCall;
  return static_cast<std::uint32_t>(kNativeAuditArch == AUDIT_ARCH_X86_64 ? row->x86_64 : row->aarch64);
}

TrappedCall always(std::string_view name) { return {number_of(name), TrapScope::kAlways, {}}; }

TrappedCall fast_open(std::string_view name, std::uint8_t flags) {
  return {number_of(name), TrapScope::kWhen, {{ArgumentTest{flags, kFastOpen, {kFastOpen}}}}};
}

ArgumentConjunction options(std::uint32_t level, std::vector<std::uint32_t> names) {
  return {ArgumentTest{1, kWhole, {level}}, ArgumentTest{2, kWhole, std::move(names)}};
}

struct Refusal {
  std::string_view name;
  int error;
};
constexpr std::array kRefusals = {
    Refusal{"sendto", EOPNOTSUPP},  // what a host without TCP Fast Open says; programs connect first then
    Refusal{"sendmsg", EOPNOTSUPP},
    Refusal{"sendmmsg", EOPNOTSUPP},
    Refusal{"setsockopt", EPERM},
};

}  // namespace

std::vector<TrappedCall> network_traps() {
  return {
      always("connect"),
      always("bind"),
      always("listen"),
      fast_open("sendto", 3),
      fast_open("sendmsg", 2),
      fast_open("sendmmsg", 3),
      {number_of("setsockopt"),
       TrapScope::kWhen,
       {options(SOL_SOCKET, {kBindToDevice, kBindToInterface}), options(IPPROTO_IP, {kIpOptions, kIpUnicastInterface}),
        options(IPPROTO_TCP, {kFastOpenConnect}),
        options(IPPROTO_IPV6, {kIpv6PacketOptions, kIpv6RoutingHeader, kIpv6UnicastInterface})}},
  };
}

int constant_refusal(std::uint32_t number) {
  const auto* found =
      std::find_if(kRefusals.begin(), kRefusals.end(), [&](const auto& row) { return number_of(row.name) == number; });
  return found == kRefusals.end() ? 0 : found->error;
}

}  // namespace writ
