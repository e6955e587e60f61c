#include "broker/observation/address_text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace writ {
namespace {

template <class Address>
bool take(std::span<const std::byte> bytes, Address& address) {
  if (bytes.size() < sizeof address) return false;
  std::memcpy(&address, bytes.data(), sizeof address);
  return true;
}

std::string ip_text(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, address, text.data(), text.size()) == nullptr ? std::string() : text.data();
}

AddressText unix_text(std::span<const std::byte> bytes) {
  const auto* name = reinterpret_cast<const char*>(bytes.data()) + offsetof(sockaddr_un, sun_path);
  const std::size_t length = bytes.size() - std::min(bytes.size(), offsetof(sockaddr_un, sun_path));
  if (length == 0) return {};
  if (name[0] == '\0') return {"unix:@" + std::string(name + 1, length - 1), false};
  return {"unix:" + std::string(name, ::strnlen(name, length)), false};
}

}  // namespace

AddressText address_text(std::span<const std::byte> bytes) {
  sa_family_t family = AF_UNSPEC;
  if (!take(bytes, family)) return {};
  sockaddr_in four{};
  sockaddr_in6 six{};
  if (family == AF_INET && take(bytes, four))
    return {ip_text(AF_INET, &four.sin_addr) + ":" + std::to_string(ntohs(four.sin_port)), true};
  if (family == AF_INET6 && take(bytes, six))
    return {"[" + ip_text(AF_INET6, &six.sin6_addr) + "]:" + std::to_string(ntohs(six.sin6_port)), true};
  return family == AF_UNIX ? unix_text(bytes) : AddressText{};
}

}  // namespace writ
