// Rights, patterns, addresses: what is accepted, what is refused, and how it reads.
#include <catch2/catch.hpp>
#include <string>

#include "broker/policy/ip_address.h"
#include "broker/policy/rule.h"

namespace writ {
namespace {

bool refuses_path(std::string_view text) { return !PathPattern::parse(text); }
bool refuses_address(std::string_view text) { return !Address::parse(text); }
bool refuses_pattern(std::string_view text) { return !AddressPattern::parse(text); }

TEST_CASE("rights are a lattice", "[rules]") {
  const Rights some{Right::kRead, Right::kWrite};
  CHECK(meet(some, {Right::kWrite, Right::kList}) == Rights{Right::kWrite});
  CHECK(join(some, {Right::kList}).has(Right::kList));
  CHECK(without(some, {Right::kRead}) == Rights{Right::kWrite});
  CHECK(meet(some, {}).empty());
  CHECK(rights_text(some) == "read, write");
  CHECK(rights_text({}) == "nothing");
  CHECK(right_from_name("list") == Right::kList);
  CHECK(!right_from_name("*"));
  CHECK(!right_from_name("all"));
}

TEST_CASE("bare wildcards and partial segments are no patterns", "[rules][conformance]") {
  for (const char* text :
       {"*", "src*", "/src*", "/a/*/b", "/a/b*", "/a/**", "a/b", "", "../a", "/a/../b", "/a/*/", "**"}) {
    INFO(text);
    CHECK(refuses_path(text));
  }
  CHECK(PathPattern::parse("/a//b/./c/")->path == "/a/b/c");
  CHECK(PathPattern::parse("/a/*")->scope == PathScope::kSubtree);
  CHECK(PathPattern::parse("/*")->path == "/");
  for (const char* text : {"/a/*", "/a", "/*"}) CHECK(PathPattern::parse(text)->text() == text);
}

TEST_CASE("a pattern matches whole segments", "[rules][conformance]") {
  const PathPattern tree = *PathPattern::parse("/w/src/*");
  CHECK(tree.matches("/w/src"));
  CHECK(tree.matches("/w/src/a/b"));
  CHECK(!tree.matches("/w/src2"));
  CHECK(!tree.matches("/w"));
  CHECK(PathPattern::parse("/*")->matches("/x"));
  CHECK(!PathPattern::parse("/w")->matches("/w/x"));
}

TEST_CASE("spellings by which requests are smuggled are refused", "[rules][network]") {
  // Attack 63: what inet_aton(3), browsers or resolvers would take for another host.
  for (const char* host : {"0x7f.0.0.1",
                           "0x7f000001",
                           "2130706433",
                           "0177.0.0.1",
                           "127.1",
                           "127.0.1",
                           "0",
                           "127.0.0.1.",
                           "localhost.",
                           "example.org.",
                           "127.0.0.01",
                           "1.2.3.256",
                           "1.2.3.4.5",
                           "user@example.org",
                           "exam ple.org",
                           "example..org",
                           ".example.org",
                           "-a.org",
                           "a-.org",
                           "ex_ample.org",
                           "ex\xEF\xBD\x8E.org",
                           "127\xE3\x80\x82"
                           "0.0.1",
                           "a.0x10",
                           "host%00",
                           "fe80::1",
                           "::1",
                           "[fe80::1%eth0]",
                           "[::1",
                           "::1]",
                           "[127.0.0.1]",
                           "[]",
                           "",
                           "*",
                           "10.0.0.0/8",
                           "[1:2:3:4:5:6:7:8:9]",
                           "[1::2::3]",
                           "[12345::]",
                           "[::g]",
                           "[::1.2.3]",
                           "1.2.3.4/33"}) {
    INFO(host);
    CHECK(refuses_address(std::string(host) + ":80"));
  }
  for (const char* text : {"example.org", "example.org:", "example.org:0", "example.org:65536", "example.org:080",
                           "example.org:+80", "example.org:http", "example.org:*", ":80", "example.org:80:80"}) {
    INFO(text);
    CHECK(refuses_address(text));
  }
}

TEST_CASE("addresses in their one spelling", "[rules][network]") {
  CHECK(Address::parse("EXAMPLE.Org:443")->host == "example.org");
  CHECK(*Address::parse("127.0.0.1:80")->address == *parse_ipv6("::ffff:127.0.0.1"));
  CHECK(*Address::parse("[::ffff:7f00:1]:80")->address == *parse_ipv4("127.0.0.1"));
  CHECK(Address::parse("[2001:DB8::1]:80")->address == parse_ipv6("2001:db8:0:0:0:0:0:1"));
  CHECK(Address::parse("a.b-c.d1:65535")->port == 65535);
}

TEST_CASE("address patterns: blocks, names, ports", "[rules][network]") {
  CHECK(AddressPattern::parse("10.0.0.0/8:*")->prefix_length == 104);
  CHECK(AddressPattern::parse("[2001:db8::/32]:443")->prefix_length == 32);
  CHECK(AddressPattern::parse("0.0.0.0/0:80")->prefix_length == 96);
  CHECK(AddressPattern::parse("*:443")->host == "*");
  for (const char* text : {"*:*", "*", "10.0.0.1/8:*", "10.0.0.0/33:*", "10.0.0.0/:*", "10.0.0.0/08:*", "10/8:80",
                           "*.example.org:80", "example.org/8:80", "[::1/8]:80", "2130706433:80", "0x7f.1:*"}) {
    INFO(text);
    CHECK(refuses_pattern(text));
  }
  for (const char* text : {"10.0.0.0/8:*", "[2001:db8::/32]:443", "*:443", "example.org:22", "[::1]:80"})
    CHECK(AddressPattern::parse(text)->text() == text);
}

TEST_CASE("a rule reads as a sentence", "[rules]") {
  const Rule rule{Effect::kDeny, {Right::kRead, Right::kWrite}, *PathPattern::parse("/a/b/*"), {}, {}};
  CHECK(rule.text() == "deny read, write /a/b/*");
  const Rule network{Effect::kAsk, {Right::kConnect}, *AddressPattern::parse("example.org:443"), {}, {}};
  CHECK(network.text() == "ask connect example.org:443");
}

TEST_CASE("translators do not hide an address", "[rules][network]") {
  CHECK(unwrapped(*parse_ipv6("64:ff9b::a9fe:a9fe")) == *parse_ipv4("169.254.169.254"));
  CHECK(unwrapped(*parse_ipv6("2002:7f00:1::")) == *parse_ipv4("127.0.0.1"));
  CHECK(unwrapped(*parse_ipv6("2001:db8::1")) == *parse_ipv6("2001:db8::1"));
  CHECK(!is_metadata_address(*parse_ipv4("169.253.0.1")));
  CHECK(masked(*parse_ipv4("10.255.1.1"), 104) == *parse_ipv4("10.0.0.0"));
}

}  // namespace
}  // namespace writ
