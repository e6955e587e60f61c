#include "broker/sandbox/process_pause.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

using namespace writ;

namespace {

// Fields 4 to 21 of proc(5).
constexpr const char* kMiddle = " 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 ";

}  // namespace

TEST_CASE("process state: number, state and start", "[process_pause]") {
  ProcessState process;
  REQUIRE(parse_process_state(std::string("42 (sh) T") + kMiddle + "987654321 1000 2\n", process));
  CHECK(process.pid == 42);
  CHECK(process.state == 'T');
  CHECK(process.started == 987654321);
}

TEST_CASE("process state: a name cannot pretend to be the fields behind it", "[process_pause]") {
  ProcessState process;
  REQUIRE(parse_process_state(std::string("7 (a) S 1 (\n) 2) R") + kMiddle + "5 1\n", process));
  CHECK(process.pid == 7);
  CHECK(process.state == 'R');
  CHECK(process.started == 5);
}

TEST_CASE("process state: what is cut off or no state is refused", "[process_pause]") {
  ProcessState process;
  for (const char* text : {"", "42", "42 (sh", "42 (sh)", "42 (sh) ", "42 (sh) T", "42 (sh) T 1 2 3", "x (sh) T 1"})
    CHECK(!parse_process_state(text, process));
  CHECK(!parse_process_state(std::string("42 (sh) T") + kMiddle, process));
}

TEST_CASE("process state: the kernel's own text is read", "[process_pause]") {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ProcessState process;
  REQUIRE(parse_process_state(text, process));
  CHECK(process.state == 'R');
  CHECK(process.started > 0);
}

TEST_CASE("pausing is refused outside of a pid namespace of one's own", "[process_pause]") {
  auto pause = std::make_unique<ProcessPause>();
  PauseOutcome outcome{};
  // Otherwise this would stop the host.
  CHECK(pause->pause(outcome) == -EOPNOTSUPP);
  CHECK(!pause->is_paused());
  CHECK(pause->resume(outcome) == 0);
}
