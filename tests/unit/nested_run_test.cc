// The command line of a nested run: what a tool chooses is a value or an argument, never an option.
#include "broker/mediation/nested_run.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "launcher/command_line.h"

namespace writ {
namespace {

NestedRunPlan plan() { return {"main", "/project", {1, 2, 3, 4}, {"--quiet", "--protect=/project/.git/config"}}; }

RunOptions parsed(const NestedCommand& command, const std::vector<std::string>& arguments) {
  const std::vector<std::string> words = nested_arguments(plan(), command, arguments);
  REQUIRE(words.front() == "writ");
  const Command result = parse_command_line(std::span(words).subspan(1));
  REQUIRE(std::holds_alternative<RunOptions>(result));
  return std::get<RunOptions>(result);
}

TEST_CASE("a nested run is told its profile, its place and its command") {
  const RunOptions options = parsed({"git-push", "/project/sub", "/usr/bin/git"}, {"push", "origin"});
  CHECK(options.profile == "git-push");
  CHECK(options.workspace == "/project");
  CHECK(options.start_directory == "/project/sub");
  CHECK(options.command == std::vector<std::string>{"/usr/bin/git", "push", "origin"});
  CHECK(options.nesting.depth == 1);
  CHECK(options.nesting.workspace_device == 2);
  CHECK(options.nesting.workspace_inode == 3);
  CHECK(options.nesting.supervisor == 4);
  CHECK(options.protect == std::vector<std::string>{"/project/.git/config"});
  CHECK(parsed({"", "/project", "/usr/bin/git"}, {}).profile == "main");
}

TEST_CASE("whatever the words of a tool look like, they change nothing but the command") {
  const std::vector<std::string> words = {"--profile=shell",  "-p",     "--",   "-r",        "/", "",
                                          "--nested=1:1:1:1", "--help", "a\nb", "--version", "=", "--read=/"};
  for (const char* directory :
       {"/project/--", "/project/--profile=shell", "/project/a b", "/project/=", "/project/\"x", "/"}) {
    const RunOptions options = parsed({"", directory, "/usr/bin/git"}, words);
    CHECK(options.profile == "main");
    CHECK(options.start_directory == directory);
    CHECK(options.read.empty());
    CHECK(options.write.empty());
    CHECK(options.nesting.depth == 1);
    std::vector<std::string> command = {"/usr/bin/git"};
    command.insert(command.end(), words.begin(), words.end());
    CHECK(options.command == command);
  }
}

TEST_CASE("the nesting is read back exactly, and its depth is limited") {
  const auto read = Nesting::parse(Nesting{2, 18446744073709551615u, 7, 12}.text());
  REQUIRE(read);
  CHECK(read->workspace_device == 18446744073709551615u);
  CHECK(read->supervisor == 12);
  CHECK(Nesting::parse("4:1:1:1"));
  for (const char* bad : {"", "0:1:1:1", "5:1:1:1", "1:1:1", "1:1:1:", "1:1:1:1 ", "1:1:1:1:1", "x:1:1:1", "+1:1:1:1",
                          "99999999999:1:1:1", "1:99999999999999999999:1:1"})
    CHECK_FALSE(Nesting::parse(bad));
}

}  // namespace
}  // namespace writ
