#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "broker/observation/tree_sampler.h"
#include "broker/policy/policy_meet.h"
#include "broker/policy/profile_schema.h"
#include "broker/policy/profile_values.h"
#include "launcher/limit_record.h"
#include "launcher/yaml_text.h"
#include "tests/unit/profile_fixture.h"

namespace writ {

using profile_tests::error_of;
using profile_tests::loaded;
using profile_tests::says;

TEST_CASE("limits of the whole sandbox are read", "[profile][limits]") {
  const Profile profile = loaded(
      "limits: {memory: 512M, swap: 0, cpus: 1.5, cpu_weight: 50, total_cpu_time: 1500ms, output_size: 10K,\n"
      "  write_size: 2G}\nisolation: {control_group: prefer}\n");
  CHECK(profile.limits.memory == 512ull << 20);
  CHECK(profile.limits.swap == 0);
  CHECK(profile.limits.cpus == 1500);
  CHECK(profile.limits.cpu_weight == 50);
  CHECK(profile.limits.total_cpu_time == std::chrono::milliseconds(1500));
  CHECK(profile.limits.output_size == 10240);
  CHECK(profile.limits.write_size == 2ull << 30);
  CHECK(profile.requirement(Layer::kControlGroup) == Requirement::kPrefer);
  CHECK(wants_control_group(profile.limits));
  CHECK_FALSE(wants_control_group(loaded("").limits));
  CHECK_FALSE(wants_control_group(loaded("limits: {total_cpu_time: 1s, output_size: 1, write_size: 1}\n").limits));
  CHECK(wants_control_group(loaded("limits: {cpus: 1}\n").limits));
}

TEST_CASE("bad limits of the whole sandbox are refused", "[profile][limits]") {
  for (const auto& [text, because] :
       std::initializer_list<std::pair<const char*, const char*>>{{"memory: 1K", "at least 1M"},
                                                                  {"memory: lots", "not understood"},
                                                                  {"cpus: 0", "at least 0.01"},
                                                                  {"cpus: 0.009", "at least 0.01"},
                                                                  {"cpus: 5000", "at most 4096"},
                                                                  {"cpus: 1.2345", "decimal number"},
                                                                  {"cpus: -1", "decimal number"},
                                                                  {"cpus: 1,5", "unknown key"},
                                                                  {"cpu_weight: 0", "at least 1"},
                                                                  {"cpu_weight: 10001", "at most 10000"},
                                                                  {"total_cpu_time: 0s", "at least 1ms"},
                                                                  {"output_size: 0", "at least 1"},
                                                                  {"write_size: -1", "not understood"}}) {
    CAPTURE(text);
    CHECK(says(error_of(std::string("limits: {") + text + "}\n"), because));
  }
}

TEST_CASE("thousandths are read and written", "[profile][limits]") {
  for (const auto& [text, number] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
           {"2", 2000}, {"0.5", 500}, {"1.25", 1250}, {"0.001", 1}, {"10.050", 10050}, {"0", 0}}) {
    CAPTURE(text);
    REQUIRE(parse_thousandths(text));
    CHECK(*parse_thousandths(text) == number);
    CHECK(*parse_thousandths(yaml_thousandths(number)) == number);
  }
  for (const char* text :
       {"", ".", "1.", ".5", "1.0000", "01", "1e3", "+1", "1.5.5", "99999999999999999999", "18446744073709551"})
    CHECK_FALSE(parse_thousandths(text));
}

TEST_CASE("one limit of the command line is read like that of a profile", "[profile][limits]") {
  LimitPolicy limits;
  REQUIRE(apply_limit("memory=64M", limits));
  REQUIRE(apply_limit("processes=7", limits));
  REQUIRE(apply_limit("wall_time=5s", limits));
  CHECK(limits.memory == 64ull << 20);
  CHECK(limits.processes == 7);
  REQUIRE(apply_limit("wall_time=none", limits));
  CHECK_FALSE(limits.wall_time);
  for (const char* text :
       {"", "memory", "=", "=5", "memory=", "nosuch=1", "memory=1\n", "cpus=1 ", "read=/etc", "memory=0"}) {
    LimitPolicy same;
    CAPTURE(text);
    CHECK_FALSE(apply_limit(text, same));
    CHECK_FALSE(same.memory);
  }
  CHECK(says(apply_limit("memry=5M", limits).error().describe(), "did you mean 'memory'?"));
}

TEST_CASE("of two limits the smaller one holds", "[policy][meet][limits]") {
  const auto met = [](const char* own, const char* bound) {
    return meet(loaded(own), loaded(bound), "b").profile.limits;
  };
  const LimitPolicy both = met("limits: {memory: 1G, cpus: 2, cpu_weight: 10, total_cpu_time: 5s, output_size: 5}\n",
                               "limits: {memory: 2G, cpus: 1, cpu_weight: 20, write_size: 7, output_size: 6}\n");
  CHECK(both.memory == 1ull << 30);
  CHECK(both.cpus == 1000);
  CHECK(both.cpu_weight == 10);
  CHECK(both.total_cpu_time == std::chrono::seconds(5));
  CHECK(both.write_size == 7);
  CHECK(both.output_size == 5);
}

TEST_CASE("swap that nobody spoke of is none, in a meet too", "[policy][meet][limits]") {
  const auto swap = [](const char* own, const char* bound) {
    return meet(loaded(own), loaded(bound), "b").profile.limits.swap;
  };
  CHECK(swap("limits: {memory: 1G}\n", "limits: {memory: 1G, swap: 1G}\n") == 0);
  CHECK(swap("limits: {memory: 1G, swap: 1G}\n", "limits: {memory: 2G}\n") == 0);
  CHECK(swap("", "limits: {memory: 2G, swap: 1G}\n") == 1ull << 30);
  CHECK(swap("limits: {memory: 1G, swap: 1G}\n", "") == 1ull << 30);
  CHECK(swap("limits: {memory: 1G, swap: 3G}\n", "limits: {memory: 1G, swap: 2G}\n") == 2ull << 30);
}

TEST_CASE("what a process has used is read whatever it is called", "[limits]") {
  CHECK(ticks_of_stat("7 (a) b) R 1 2 3 4 5 6 7 8 9 10 100 20 3 4 0 0\n") == 127);
  CHECK(ticks_of_stat("") == 0);
  CHECK(ticks_of_stat("7 (a) R 1 2") == 0);
  CHECK(number_behind("rchar: 5\nwrite_bytes: 77\ncancelled_write_bytes: 3\n", "write_bytes") == 77);
  CHECK(number_behind("Pss:        12 kB\n", "Pss") == 12);
  CHECK_FALSE(number_behind("write_bytes\n", "write_bytes"));
  CHECK_FALSE(number_behind("", "write_bytes"));
}

TEST_CASE("a limit that was reached is told with what allows more", "[limits]") {
  LimitRecord record;
  record.name = "memory";
  record.value = 64 << 20;
  record.peak = (63 << 20) + 300 * 1024 + 1;
  record.detail = "no memory was left";
  CHECK(record.describe() ==
        "limit reached: memory 64M (peak 63.2M): no memory was left; to allow more: --limit memory=128M");
  CHECK(limit_value_text(LimitUnit::kThousandths, 1500) == "1.5");
  CHECK(limit_value_text(LimitUnit::kMilliseconds, 90'000) == "90s");
  CHECK(limit_value_text(LimitUnit::kBytes, 1000) == "1000");
  CHECK(limit_value_text(LimitUnit::kCount, 1024) == "1024");
}

}  // namespace writ
