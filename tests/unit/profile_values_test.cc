// Durations, sizes, counts, names and paths; and the nearest name for a misspelt one.
#include "broker/policy/profile_values.h"

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "broker/base/name_suggestion.h"

namespace writ {
namespace {

using std::chrono::milliseconds;

TEST_CASE("counts are strict decimal", "[profile-values]") {
  CHECK(parse_count("0").value() == 0);
  CHECK(parse_count("18446744073709551615").value() == 18446744073709551615ull);
  for (const std::string_view bad :
       {"", "-1", "+1", "010", "0x10", "1e3", "1_000", " 1", "1 ", "18446744073709551616", "１"}) {
    INFO(bad);
    CHECK(!parse_count(bad));
  }
}

TEST_CASE("durations need a unit", "[profile-values]") {
  CHECK(parse_duration("500ms").value() == milliseconds(500));
  CHECK(parse_duration("60s").value() == milliseconds(60'000));
  CHECK(parse_duration("5m").value() == milliseconds(300'000));
  CHECK(parse_duration("2h").value() == milliseconds(7'200'000));
  CHECK(parse_duration("8760h").value() == kLongestDuration);
  for (const std::string_view bad : {"", "60", "s", "1.5s", "-1s", "01s", "1S", "1 s", "1min", "8761h",
                                     "99999999999999999999s", "18446744073709551615h", "1s1s"}) {
    INFO(bad);
    CHECK(!parse_duration(bad));
  }
}

TEST_CASE("sizes count in powers of 1024", "[profile-values]") {
  CHECK(parse_size("4096").value() == 4096);
  CHECK(parse_size("64K").value() == 65536);
  CHECK(parse_size("64KiB").value() == 65536);
  CHECK(parse_size("2G").value() == 2ull << 30);
  CHECK(parse_size("1T").value() == 1ull << 40);
  CHECK(parse_size("9223372036854775807").value() == 9223372036854775807ull);
  for (const std::string_view bad :
       {"", "K", "1k", "1KB", "1 G", "-1", "1.5G", "9223372036854775808", "8388608T", "01K", "1GG"}) {
    INFO(bad);
    CHECK(!parse_size(bad));
  }
}

TEST_CASE("names", "[profile-values]") {
  CHECK(is_profile_name("my-profile-2"));
  CHECK(!is_profile_name(""));
  CHECK(!is_profile_name("My"));
  CHECK(!is_profile_name("a/b"));
  CHECK(!is_profile_name(".."));
  CHECK(is_profile_name(std::string(40, 'a')));
  CHECK(!is_profile_name(std::string(41, 'a')));
  CHECK(is_variable_name("my_dir"));
  CHECK(!is_variable_name("dir2"));
  CHECK(is_syscall_name("clone3"));
  CHECK(!is_syscall_name("clone 3"));
  CHECK(is_hostname("Build-1"));
  CHECK(!is_hostname("-x"));
  CHECK(!is_hostname("x-"));
  CHECK(!is_hostname("a.b"));
  CHECK(!is_hostname(std::string(64, 'a')));
}

TEST_CASE("absolute paths become lexically normal", "[profile-values]") {
  CHECK(normalize_absolute_path("/").value() == "/");
  CHECK(normalize_absolute_path("//").value() == "/");
  CHECK(normalize_absolute_path("/a//b/./c/").value() == "/a/b/c");
  CHECK(normalize_absolute_path("/a/.b/..c/d...").value() == "/a/.b/..c/d...");
  CHECK(normalize_absolute_path("/" + std::string(4094, 'a')).has_value());
  const std::string too_long = "/" + std::string(4095, 'a');
  using namespace std::string_view_literals;
  for (const std::string_view bad : {""sv, "a"sv, "./a"sv, "/a/.."sv, "/../a"sv, "/a/../b"sv, "/a\nb"sv, "/a\0b"sv,
                                     "/a\x1b"sv, "/\xff"sv, "~"sv, std::string_view(too_long)}) {
    INFO(bad);
    CHECK(!normalize_absolute_path(bad));
  }
}

TEST_CASE("relative paths are literal names", "[profile-values]") {
  for (const std::string_view good : {".envrc", ".git/hooks", "a/b/c", "a b", "..a", "é"}) {
    INFO(good);
    CHECK(check_relative_path(good));
  }
  for (const std::string_view bad :
       {"", "/a", "~/a", "a//b", "a/", "./a", "a/..", "..", ".", "a*", "a/[bc]", "?", "a\nb", "\xff"}) {
    INFO(bad);
    CHECK(!check_relative_path(bad));
  }
}

TEST_CASE("the nearest name is a likely misspelling or nothing", "[suggestion]") {
  constexpr std::array<std::string_view, 4> kKnown = {"filesystem", "limits", "name", "network"};
  CHECK(nearest_name("filesytem", kKnown) == "filesystem");
  CHECK(nearest_name("fielsystem", kKnown) == "filesystem");
  CHECK(nearest_name("nmae", kKnown) == "name");
  CHECK(nearest_name("limit", kKnown) == "limits");
  CHECK(nearest_name("xyz", kKnown).empty());
  CHECK(nearest_name("", kKnown).empty());
  CHECK(nearest_name(std::string(65, 'n'), kKnown).empty());
  CHECK(did_you_mean("netwrk", kKnown) == " (did you mean 'network'?)");
  CHECK(did_you_mean("quota", kKnown).empty());
}

}  // namespace
}  // namespace writ
