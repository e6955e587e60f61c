// Addresses that a caller wrote into its memory, and what rules say about them.
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <vector>

#include "broker/network/address_rules.h"
#include "broker/network/socket_address.h"
#include "broker/policy/ip_address.h"
#include "tests/unit/profile_fixture.h"

namespace writ {
namespace {

using Bytes = std::vector<std::byte>;

Bytes ipv4(std::uint32_t address, std::uint16_t port, std::size_t length = sizeof(sockaddr_in)) {
  sockaddr_in typed{};
  typed.sin_family = AF_INET;
  typed.sin_port = htons(port);
  typed.sin_addr.s_addr = htonl(address);
  Bytes bytes(sizeof(sockaddr_storage));
  std::memcpy(bytes.data(), &typed, sizeof typed);
  bytes.resize(length);
  return bytes;
}

Bytes ipv6(std::string_view text, std::uint16_t port, std::size_t length = sizeof(sockaddr_in6)) {
  sockaddr_in6 typed{};
  typed.sin6_family = AF_INET6;
  typed.sin6_port = htons(port);
  typed.sin6_scope_id = 7;
  const IpAddress address = *parse_ipv6(text);
  std::memcpy(&typed.sin6_addr, address.data(), address.size());
  Bytes bytes(sizeof(sockaddr_storage));
  std::memcpy(bytes.data(), &typed, sizeof typed);
  bytes.resize(length);
  return bytes;
}

Bytes of_family(sa_family_t family, std::size_t length) {
  Bytes bytes(sizeof(sockaddr_storage));
  std::memcpy(bytes.data(), &family, sizeof family);
  bytes.resize(length);
  return bytes;
}

IpAddress address_in(const Bytes& bytes) { return parse_socket_address(bytes).address; }

TEST_CASE("an address is read as the kernel reads it") {
  const auto four = parse_socket_address(ipv4(0xC0000201, 80));
  CHECK(four.kind == AddressKind::kInternet);
  CHECK(address_text(four.address, four.port) == "192.0.2.1:80");
  const auto six = parse_socket_address(ipv6("2001:db8::1", 443));
  CHECK(address_text(six.address, six.port) == "[2001:db8::1]:443");
  CHECK(six.scope == 7);
  const auto mapped = parse_socket_address(ipv6("::ffff:192.0.2.1", 80));
  CHECK(mapped.address == four.address);
  const auto old = parse_socket_address(ipv6("2001:db8::1", 443, 24));
  CHECK(old.scope == 0);
  CHECK(parse_socket_address(of_family(AF_UNSPEC, 2)).kind == AddressKind::kNone);
  CHECK(parse_socket_address(of_family(AF_UNIX, sizeof(sockaddr_un))).kind == AddressKind::kOther);
  CHECK(parse_socket_address(of_family(AF_NETLINK, 12)).kind == AddressKind::kOther);
}

TEST_CASE("an address that is too short is no destination") {
  const auto malformed = [](const Bytes& bytes) { return parse_socket_address(bytes).kind == AddressKind::kMalformed; };
  for (std::size_t length = 0; length < 16; ++length) CHECK(malformed(ipv4(1, 1, length)));
  for (std::size_t length = 0; length < 24; ++length) CHECK(malformed(ipv6("::1", 1, length)));
  for (std::size_t length = 16; length <= 128; ++length) CHECK(!malformed(ipv4(1, 1, length)));
  for (std::size_t length = 24; length <= 128; ++length) CHECK(!malformed(ipv6("::1", 1, length)));
}

TEST_CASE("no bytes make the reader of addresses stumble") {
  std::mt19937 random(20261124);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same every time
  for (int round = 0; round < 200'000; ++round) {
    Bytes bytes(random() % 129);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    if (bytes.size() >= 2 && round % 2 == 0) {
      constexpr std::array<sa_family_t, 4> kFamilies = {AF_INET, AF_INET6, AF_UNSPEC, AF_UNIX};
      std::memcpy(bytes.data(), &kFamilies[random() % kFamilies.size()], sizeof(sa_family_t));
    }
    const auto parsed = parse_socket_address(bytes);
    if (parsed.kind != AddressKind::kInternet) continue;
    sockaddr_storage again{};
    const int domain = parsed.family;
    const socklen_t length = write_socket_address(domain, parsed, again);
    REQUIRE(length > 0);
    const auto second = parse_socket_address(std::as_bytes(std::span(&again, 1)).first(length));
    REQUIRE((second.address == parsed.address && second.port == parsed.port && second.scope == parsed.scope));
  }
}

TEST_CASE("the unspecified address means the loopback address to connect") {
  CHECK(as_destination(address_in(ipv4(0, 1))) == *parse_ipv4("127.0.0.1"));
  CHECK(as_destination(address_in(ipv6("::", 1))) == *parse_ipv6("::1"));
  CHECK(as_destination(address_in(ipv6("::ffff:0.0.0.0", 1))) == *parse_ipv4("127.0.0.1"));
  CHECK(as_destination(*parse_ipv4("192.0.2.1")) == *parse_ipv4("192.0.2.1"));
}

TEST_CASE("loopback in every form is loopback") {
  CHECK(is_loopback(address_in(ipv4(0x7F000001, 1))));
  CHECK(is_loopback(address_in(ipv4(0x7FFFFFFE, 1))));
  CHECK(is_loopback(*parse_ipv6("::1")));
  CHECK(is_loopback(*parse_ipv6("::ffff:127.0.0.1")));
  CHECK(!is_loopback(*parse_ipv6("::127.0.0.1")));  // IPv4-compatible: no route has it
  CHECK(!is_loopback(*parse_ipv6("::2")));
  CHECK(!is_loopback(*parse_ipv4("128.0.0.1")));
}

TEST_CASE("an IPv6 address does not fit an IPv4 socket") {
  sockaddr_storage into{};
  CHECK(write_socket_address(AF_INET, parse_socket_address(ipv6("2001:db8::1", 1)), into) == 0);
  CHECK(write_socket_address(AF_UNIX, parse_socket_address(ipv4(1, 1)), into) == 0);
}

// ---- rules

AddressRules rules_of(std::string_view text) { return AddressRules(profile_tests::loaded(text)); }

std::string rule(std::string_view address, std::string_view effect = "allow", std::string_view right = "connect") {
  return std::string("  - {effect: ") + std::string(effect) + ", rights: [" + std::string(right) + "], address: '" +
         std::string(address) + "'}\n";
}

AddressVerdict connect_verdict(const AddressRules& rules, std::string_view address, std::uint16_t port) {
  const auto four = parse_ipv4(address);
  return rules.decide_connect(as_destination(four ? *four : *parse_ipv6(address)), port).verdict;
}

TEST_CASE("the loopback addresses are the sandbox's own unless a rule names them") {
  const AddressRules local = rules_of("rules:\n" + rule("localhost:8080"));
  for (const char* address : {"127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"}) {
    CHECK(connect_verdict(local, address, 8080) == AddressVerdict::kHost);
    CHECK(connect_verdict(local, address, 8081) == AddressVerdict::kOwn);
  }
  CHECK(connect_verdict(local, "127.0.0.53", 8080) == AddressVerdict::kOwn);
  const AddressRules numbered = rules_of("rules:\n" + rule("127.0.0.53:53"));
  CHECK(connect_verdict(numbered, "127.0.0.53", 53) == AddressVerdict::kHost);
  CHECK(connect_verdict(numbered, "127.0.0.1", 53) == AddressVerdict::kOwn);
  const AddressRules wide = rules_of("rules:\n" + rule("*:80") + rule("0.0.0.0/0:*") + rule("[::/0]:*"));
  CHECK(connect_verdict(wide, "127.0.0.1", 80) == AddressVerdict::kOwn);
  CHECK(connect_verdict(wide, "::1", 80) == AddressVerdict::kOwn);
  CHECK(connect_verdict(wide, "192.0.2.1", 80) == AddressVerdict::kHost);
  const AddressRules denied = rules_of("rules:\n" + rule("localhost:*") + rule("127.0.0.1:22", "deny"));
  CHECK(connect_verdict(denied, "127.0.0.1", 22) == AddressVerdict::kOwn);
  CHECK(connect_verdict(denied, "127.0.0.1", 23) == AddressVerdict::kHost);
}

TEST_CASE("addresses of others are denied unless a rule allows them") {
  const AddressRules rules =
      rules_of("rules:\n" + rule("10.0.0.0/8:443") + rule("10.1.0.0/16:443", "deny") + rule("10.2.0.1:*", "ask"));
  CHECK(connect_verdict(rules, "10.0.0.1", 443) == AddressVerdict::kHost);
  CHECK(connect_verdict(rules, "::ffff:10.0.0.1", 443) == AddressVerdict::kHost);
  CHECK(connect_verdict(rules, "10.0.0.1", 80) == AddressVerdict::kDenied);
  CHECK(connect_verdict(rules, "10.1.0.1", 443) == AddressVerdict::kDenied);
  CHECK(connect_verdict(rules, "10.2.0.1", 443) == AddressVerdict::kAsk);
  CHECK(connect_verdict(rules, "192.0.2.1", 443) == AddressVerdict::kDenied);
}

TEST_CASE("metadata and link-local addresses must be named exactly") {
  const AddressRules wide = rules_of("rules:\n" + rule("0.0.0.0/0:*") + rule("[::/0]:*"));
  for (const char* address : {"169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254",
                              "100.100.100.200", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"})
    CHECK(connect_verdict(wide, address, 80) == AddressVerdict::kDenied);
  const AddressRules exact = rules_of("rules:\n" + rule("169.254.169.254:80"));
  CHECK(connect_verdict(exact, "169.254.169.254", 80) == AddressVerdict::kHost);
  CHECK(connect_verdict(exact, "169.254.169.253", 80) == AddressVerdict::kDenied);
}

TEST_CASE("asking stands between denying and allowing, and is as careful as allowing") {
  const AddressRules rules = rules_of("rules:\n" + rule("0.0.0.0/0:*", "ask") + rule("192.0.2.1:443") +
                                      rule("192.0.2.2:443", "deny") + rule("localhost:22", "ask"));
  const AddressDecision asked = rules.decide_connect(*parse_ipv4("192.0.2.1"), 443);
  CHECK(asked.verdict == AddressVerdict::kAsk);  // ask beats allow
  CHECK(asked.rule.text == "ask connect 0.0.0.0/0:*");
  CHECK(asked.rule.origin.find(":") != std::string::npos);
  CHECK(connect_verdict(rules, "192.0.2.2", 443) == AddressVerdict::kDenied);
  // A block asks about no metadata address, and is not about the host's loopback.
  CHECK(connect_verdict(rules, "169.254.169.254", 80) == AddressVerdict::kDenied);
  CHECK(connect_verdict(rules, "127.0.0.1", 80) == AddressVerdict::kOwn);
  CHECK(connect_verdict(rules, "127.0.0.1", 22) == AddressVerdict::kAsk);
  const AddressRules exact = rules_of("rules:\n" + rule("169.254.169.254:80", "ask"));
  CHECK(connect_verdict(exact, "169.254.169.254", 80) == AddressVerdict::kAsk);
  CHECK(connect_verdict(exact, "169.254.169.253", 80) == AddressVerdict::kDenied);
}

TEST_CASE("binding is asked about where a rule says so") {
  const AddressRules rules = rules_of("rules:\n" + rule("localhost:8080", "ask", "bind"));
  CHECK(rules.decide_bind(*parse_ipv4("127.0.0.1"), 8080).verdict == AddressVerdict::kAsk);
  CHECK(rules.decide_bind(*parse_ipv4("127.0.0.1"), 8081).verdict == AddressVerdict::kOwn);
  CHECK(rules.decide_bind(*parse_ipv4("127.0.0.1"), 0).verdict == AddressVerdict::kOwn);
}

TEST_CASE("rules that name hosts match nothing and say so") {
  const AddressRules rules = rules_of("rules:\n" + rule("example.org:443"));
  const AddressDecision decision = rules.decide_connect(*parse_ipv4("192.0.2.1"), 443);
  CHECK(decision.verdict == AddressVerdict::kDenied);
  CHECK(decision.because.find("not in force") != std::string::npos);
}

TEST_CASE("binding is the sandbox's own unless a rule gives that very port") {
  const AddressRules rules = rules_of("rules:\n" + rule("localhost:8080", "allow", "bind"));
  const auto verdict = [&](const char* address, std::uint16_t port) {
    return rules.decide_bind(*parse_ipv4(address), port).verdict;
  };
  CHECK(verdict("127.0.0.1", 8080) == AddressVerdict::kHost);
  CHECK(verdict("0.0.0.0", 8080) == AddressVerdict::kOwn);
  CHECK(verdict("127.0.0.1", 0) == AddressVerdict::kOwn);
  CHECK(verdict("127.0.0.1", 8081) == AddressVerdict::kOwn);
  CHECK(connect_verdict(rules, "127.0.0.1", 8080) == AddressVerdict::kOwn);
}

TEST_CASE("calls wait only where a rule gives something") {
  using profile_tests::loaded;
  CHECK(!has_address_grants(loaded("")));
  CHECK(!has_address_grants(loaded("rules:\n" + rule("192.0.2.1:80", "deny"))));
  CHECK(!has_address_grants(loaded("rules:\n" + rule("example.org:80"))));
  CHECK(has_address_grants(loaded("rules:\n" + rule("*:443"))));
  CHECK(has_address_grants(loaded("rules:\n" + rule("localhost:80", "allow", "bind"))));
  CHECK(has_address_grants(loaded("rules:\n" + rule("*:443", "ask"))));
  CHECK(!has_address_grants(loaded("rules:\n" + rule("example.org:443", "ask"))));
  CHECK(has_address_questions(loaded("rules:\n" + rule("*:443", "ask"))));
  CHECK(
      !has_address_questions(loaded("rules:\n" + rule("*:443") + rule("*:80", "deny") + rule("a.example:80", "ask"))));
  CHECK(!has_address_grants(loaded("network: host\nrules:\n" + rule("localhost:80"))));
}

}  // namespace
}  // namespace writ
