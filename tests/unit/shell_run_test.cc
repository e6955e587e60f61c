// shell.run: what is refused, in which order, and what a command gives.
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "broker/primitives/shell_run.h"
#include "tests/unit/listed_authority.h"
#include "tests/unit/plain_starter.h"

namespace writ {
namespace {

using primitive_tests::ListedAuthority;
using primitive_tests::PlainStarter;

struct Shell {
  explicit Shell(std::vector<std::string> allowed) : authority(std::move(allowed)) {}
  ListedAuthority authority;
  PlainStarter starter;
  ShellContext context{authority, starter, {"default", "/w", {}}};

  PrimitiveResult run(std::string_view arguments) {
    auto value = parse_json(arguments);
    if (!value) FAIL(value.error().describe());
    return run_shell(context, std::get<JsonObject>(value->storage()));
  }
  PrimitiveCode code(std::string_view arguments) {
    const PrimitiveResult result = run(arguments);
    if (result) FAIL("it was not refused");
    return result.error().code;
  }
  // The members of the result, as JSON text.
  std::string member(std::string_view arguments, std::string_view key) {
    const PrimitiveResult result = run(arguments);
    if (!result) FAIL(result.error().detail);
    const JsonValue* value = std::get<JsonObject>(result->value.storage()).find(key);
    return value == nullptr ? "absent" : value->to_text();
  }
};

TEST_CASE("a command that is allowed by its exact name runs, once for each use", "[primitives][shell]") {
  Shell shell({"execute shell:printf"});
  CHECK(shell.member(R"({"argv": ["printf", "a b;$c"]})", "stdout") == "\"a b;$c\"");  // no shell reads it
  CHECK(shell.authority.asked == std::vector<std::string>{"execute shell:printf"});
  CHECK(shell.authority.outcome == EffectOutcome::kDone);
  CHECK(shell.starter.started == 1);
  CHECK(shell.code(R"({"argv": ["true"]})") == PrimitiveCode::kDenied);
  CHECK(shell.starter.started == 1);
}

TEST_CASE("the result says how the command ended and what it wrote", "[primitives][shell]") {
  Shell shell({"execute shell:sh"});
  const PrimitiveResult result = shell.run(R"({"argv": ["sh", "-c", "printf 'out\\377'; echo err >&2; exit 3"]})");
  REQUIRE(result);
  const JsonObject& members = std::get<JsonObject>(result->value.storage());
  const auto text = [&](const char* key) { return members.find(key) ? members.find(key)->to_text() : "absent"; };
  CHECK(text("exit_status") == "3");
  CHECK(text("signal") == "absent");
  CHECK(text("stdout") == R"("out\\xff")");
  CHECK(text("stderr") == R"("err\n")");
  CHECK(text("stdout_truncated") == "false");
  CHECK(text("timed_out") == "false");
  CHECK(text("wall_ms") != "absent");
  CHECK(shell.member(R"({"argv": ["sh", "-c", "kill -9 $$"]})", "signal") == "9");
}

TEST_CASE("output is cut in the primitive, whatever a tool asks for", "[primitives][shell]") {
  Shell shell({"execute shell:head"});
  const std::string head = R"({"argv": ["head", "-c", "300000", "/dev/zero"])";
  CHECK(shell.member(head + R"(, "max_output_bytes": 8})", "stdout") == R"("\\x00\\x00")");
  CHECK(shell.member(head + "}", "stdout").size() == 32000 + 32000 / 4 + 2);  // the default; \\ is two in JSON
  CHECK(shell.member(head + "}", "stdout_truncated") == "true");
  CHECK(shell.code(head + R"(, "max_output_bytes": 200001})") == PrimitiveCode::kInvalidArguments);
  CHECK(shell.code(head + R"(, "max_output_bytes": 0})") == PrimitiveCode::kInvalidArguments);
}

TEST_CASE("a time limit of nothing, or beyond 300 seconds, is refused", "[primitives][shell]") {
  Shell shell({"execute shell:true", "execute shell:sleep"});
  for (const char* limit : {"0", "-1", "0.0", "300.1", "301", "1e9", "true", "\"5\"", "[]"})
    CHECK(shell.code(std::string(R"({"argv": ["true"], "timeout_s": )") + limit + "}") ==
          PrimitiveCode::kInvalidArguments);
  CHECK(shell.authority.asked.empty());
  for (const char* limit : {"300", "0.5", "1"})
    CHECK(shell.member(std::string(R"({"argv": ["true"], "timeout_s": )") + limit + "}", "exit_status") == "0");
  CHECK(shell.member(R"({"argv": ["sleep", "100"], "timeout_s": 0.02})", "timed_out") == "true");
  CHECK(shell.member(R"({"argv": ["sleep", "100"], "timeout_s": 0.02})", "exit_status") == "124");
}

TEST_CASE("arguments that are not those of the primitive are refused before anybody is asked", "[primitives][shell]") {
  Shell shell({"execute shell:true"});
  for (const char* arguments :
       {"{}", R"({"argv": []})", R"({"argv": [""]})", R"({"argv": "true"})", R"({"argv": ["true", 1]})",
        R"({"argv": ["true", "a\u0000b"]})", R"({"argv": ["true"], "shell": true})",
        R"({"argv": ["true"], "working_directory": 1})", R"({"argv": ["true"], "working_directory": ""})"})
    CHECK(shell.code(arguments) == PrimitiveCode::kInvalidArguments);
  for (const char* directory : {"..", "a/../..", "/", "/etc", "/w/../etc", "/wx"})
    CHECK(shell.code(std::string(R"({"argv": ["true"], "working_directory": ")") + directory + "\"}") ==
          PrimitiveCode::kDenied);
  CHECK(shell.authority.asked.empty());
  CHECK(shell.starter.started == 0);
}

TEST_CASE("the working directory lies in the workspace", "[primitives][shell]") {
  Shell shell({"execute shell:true"});
  const auto chdir = [&](const std::string& directory) {
    (void)shell.member(R"({"argv": ["true"], "working_directory": ")" + directory + "\"}", "exit_status");
    for (const std::string& word : shell.starter.last)
      if (word.starts_with("--chdir=")) return word.substr(8);
    return std::string();
  };
  CHECK(chdir(".") == "/w");
  CHECK(chdir("src/./main/") == "/w/src/main");
  CHECK(chdir("/w/src") == "/w/src");
  CHECK(chdir("/w") == "/w");
}

TEST_CASE("nothing is started behind a link of the workspace", "[primitives][shell]") {
  std::string pattern = "/tmp/writ-shell-XXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  std::filesystem::create_directory(pattern + "/real");
  std::filesystem::create_directory_symlink("real", pattern + "/link");
  Shell shell({"execute shell:true"});
  shell.context.sandbox.workspace = pattern;
  const auto chdir = [&](const std::string& directory) {
    (void)shell.member(R"({"argv": ["true"], "working_directory": ")" + directory + "\"}", "exit_status");
    for (const std::string& word : shell.starter.last)
      if (word.starts_with("--chdir=")) return word.substr(8 + pattern.size());
    return std::string();
  };
  CHECK(chdir("real") == "/real");
  CHECK(chdir("absent") == "/absent");
  CHECK(chdir("link").starts_with("/.writ-no-directory-"));
  CHECK(chdir("link/deeper").starts_with("/.writ-no-directory-"));
  CHECK(chdir("link") != chdir("link"));
  std::filesystem::remove_all(pattern);
}

TEST_CASE("a program named by its path is not the one of that bare name", "[primitives][shell]") {
  Shell shell({"execute shell:true"});
  for (const char* program :
       {"./true", "/usr/bin/true", "/bin/true", "../true", "bin/true", "true/", "true:*", "*", "tru*"})
    CHECK(shell.code(std::string(R"({"argv": [")") + program + "\"]}") == PrimitiveCode::kDenied);
  CHECK(shell.starter.started == 0);
  // Where the path itself is allowed, it runs.
  Shell by_path({"execute shell:/bin/true"});
  CHECK(by_path.member(R"({"argv": ["/bin/true"]})", "exit_status") == "0");
}

TEST_CASE("a destructive command is denied whoever allows it, and nobody is asked", "[primitives][shell]") {
  Shell shell({"execute shell:rm", "execute shell:env", "execute shell:sh"});
  CHECK(shell.code(R"({"argv": ["rm", "x"]})") == PrimitiveCode::kDenied);
  CHECK(shell.code(R"({"argv": ["env", "sudo", "id"]})") == PrimitiveCode::kDenied);
  CHECK(shell.code(R"({"argv": ["sh", "-c", "true; rm x"]})") == PrimitiveCode::kDenied);
  CHECK(shell.authority.asked.empty());
  CHECK(shell.starter.started == 0);
}

TEST_CASE("an approval is bound to the exact words and the directory", "[primitives][shell]") {
  Shell shell({"execute shell:true"});
  for (const char* arguments :
       {R"({"argv": ["true", "ab"]})", R"({"argv": ["true", "a", "b"]})", R"({"argv": ["true", "ab", ""]})",
        R"({"argv": ["true", "ab"], "working_directory": "a"})",
        R"({"argv": ["true", "ab"], "working_directory": "./"})"})
    (void)shell.member(arguments, "exit_status");
  const std::vector<std::string>& hashes = shell.authority.hashes;
  REQUIRE(hashes.size() == 5);
  CHECK(hashes[0].size() == 64);
  CHECK(hashes[0] == hashes[4]);  // the same directory
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t k = i + 1; k < 4; ++k) CHECK(hashes[i] != hashes[k]);
}

TEST_CASE("authority that was taken back in the meantime, or a program that is not there, starts nothing",
          "[primitives][shell]") {
  Shell shell({"execute shell:true", "execute shell:no-such-program"});
  shell.authority.stands = false;
  CHECK(shell.code(R"({"argv": ["true"]})") == PrimitiveCode::kDenied);
  CHECK(shell.authority.outcome == EffectOutcome::kNotStarted);
  shell.authority.stands = true;
  CHECK(shell.code(R"({"argv": ["no-such-program"]})") == PrimitiveCode::kNotFound);
  CHECK(shell.authority.outcome == EffectOutcome::kNotStarted);
  shell.starter.fails = true;
  CHECK(shell.code(R"({"argv": ["true"]})") == PrimitiveCode::kUnavailable);
  CHECK(shell.authority.outcome == EffectOutcome::kNotStarted);
  CHECK(shell.starter.started == 0);
}

// Otherwise a command could get its single use back by ending like a launch that failed.
TEST_CASE("a command that ends like a failed launch has used its authority", "[primitives][shell]") {
  Shell shell({"execute shell:sh"});
  CHECK(shell.member(R"({"argv": ["sh", "-c", "echo writ: >&2; exit 125"]})", "exit_status") == "125");
  CHECK(shell.authority.outcome == EffectOutcome::kDone);
}

TEST_CASE("a bare name is never looked for in the workspace", "[primitives][shell]") {
  Shell shell({"execute shell:true"});
  shell.context.sandbox.workspace = "/usr";
  shell.context.search_path = ":relative:/usr/bin:/usr";
  CHECK(shell.code(R"({"argv": ["true"]})") == PrimitiveCode::kNotFound);
  shell.context.sandbox.workspace = "/us";
  CHECK(shell.member(R"({"argv": ["true"]})", "exit_status") == "0");
}

}  // namespace
}  // namespace writ
