#include "broker/daemon/daemon_requests.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <string>

namespace writ {
namespace {

JsonObject object_of(const std::string& text) {
  auto value = parse_json(text);
  REQUIRE(value);
  return std::get<JsonObject>(value->storage());
}

TEST_CASE("daemon requests: a launch survives the way through JSON, whatever its bytes are", "[daemon]") {
  LaunchWish wish;
  wish.words = {"run", "--",
                "a\xff"
                "b",
                "", "ä"};
  wish.environment = {"A=1", std::string("B=\x80\n")};
  wish.directory = "/tmp/\xfe";
  wish.attendance = Attendance::kDetached;
  wish.terminal = winsize{30, 100, 0, 0};
  const auto read = read_launch(object_of(JsonValue(launch_arguments(wish)).to_text()));
  REQUIRE(read);
  CHECK(read->words == wish.words);
  CHECK(read->environment == wish.environment);
  CHECK(read->directory == wish.directory);
  CHECK(read->attendance == Attendance::kDetached);
  REQUIRE(read->terminal);
  CHECK(read->terminal->ws_row == 30);
  CHECK(read->terminal->ws_col == 100);
}

TEST_CASE("daemon requests: what is no launch is refused", "[daemon]") {
  const std::string rest = R"(,"environment":[],"directory":"/")";
  REQUIRE(read_launch(object_of(R"({"words":["run"])" + rest + "}")));
  for (const std::string& text :
       {R"({"words":["rm"])" + rest + "}", R"({"words":[])" + rest + "}", R"({"words":"run")" + rest + "}",
        R"({"words":["run",1])" + rest + "}", R"({"words":["run"],"environment":[]})" + std::string(),
        R"({"words":["run","a\u0000b"])" + rest + "}", R"({"words":["run",{"hex":"f"}])" + rest + "}",
        R"({"words":["run",{"hex":"ff","x":1}])" + rest + "}", R"({"words":["run"],"more":1)" + rest + "}",
        R"({"words":["run"],"terminal":{"rows":24,"columns":80})" + rest + "}",
        R"({"words":["run"],"detached":true,"terminal":{"rows":0,"columns":80})" + rest + "}",
        R"({"words":["run"],"detached":1)" + rest + "}"}) {
    CAPTURE(text);
    CHECK_FALSE(read_launch(object_of(text)));
  }
}

TEST_CASE("daemon requests: numbers, signals and times have limits", "[daemon]") {
  CHECK(read_sandbox_number(object_of(R"({"sandbox":7})")).value() == SandboxNumber{7});
  CHECK_FALSE(read_sandbox_number(object_of(R"({"sandbox":-1})")));
  CHECK_FALSE(read_sandbox_number(object_of("{}")));
  CHECK(read_signal(object_of(R"({"signal":15})")).value().signal == SIGTERM);
  CHECK_FALSE(read_signal(object_of(R"({"signal":15})")).value().number);
  CHECK_FALSE(read_signal(object_of(R"({"signal":0})")));
  CHECK_FALSE(read_signal(object_of(R"({"signal":65})")));
  CHECK(read_kill(object_of(R"({"sandbox":1,"grace_ms":0})")).value().grace_ms == 0);
  CHECK_FALSE(read_kill(object_of(R"({"sandbox":1,"grace_ms":600001})")));
  CHECK(read_log(object_of(R"({"sandbox":1,"stream":"stderr"})")).value().stream == OutputStream::kError);
  CHECK_FALSE(read_log(object_of(R"({"sandbox":1,"stream":"stdin"})")));
  CHECK_FALSE(read_resize(object_of(R"({"sandbox":1,"rows":10001,"columns":1})")));
}

TEST_CASE("daemon requests: a record of a sandbox reads as it was written", "[daemon]") {
  SandboxRecord record;
  record.number = SandboxNumber{12};
  record.way = SandboxWay::kWarm;
  record.attendance = Attendance::kDetached;
  record.state = SandboxState::kEnded;
  record.has_terminal = true;
  record.pid = 4;
  record.client = 5;
  record.command = "make test";
  record.profile = "build";
  record.workspace = "/srv";
  record.started_ms = 1;
  record.ended_ms = 2;
  record.exit_status = 3;
  record.reason = "exit status 3";
  const auto read = read_sandbox_json(object_of(JsonValue(sandbox_json(record)).to_text()));
  REQUIRE(read);
  CHECK(JsonValue(sandbox_json(*read)).to_text() == JsonValue(sandbox_json(record)).to_text());
  record.state = SandboxState::kRunning;
  CHECK(read_sandbox_json(sandbox_json(record)));
  CHECK_FALSE(read_sandbox_json(sandbox_json(record).set("exit_status", 1)));
}

TEST_CASE("daemon requests: the text of a command is escaped and short", "[daemon]") {
  CHECK(command_line_text({"sh", "-c", "echo a b"}) == "sh -c 'echo a b'");
  CHECK(command_line_text({"x\x1b[31m", ""}) == "'x\\x1b[31m' ''");
  const std::string text = command_line_text({std::string(10'000, 'a')});
  CHECK(text.size() <= kKeptCommandLimit + std::string("…").size());
  CHECK(text.ends_with("…"));
}

}  // namespace
}  // namespace writ
