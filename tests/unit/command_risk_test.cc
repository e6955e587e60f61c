// What a command line looks like by its words.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/primitives/command_risk.h"

namespace writ {
namespace {

using Words = std::vector<std::string>;

RiskLevel level(const Words& argv) { return classify_command(argv).level; }
Effect effect(const Words& argv) { return classify_command(argv).effect; }

TEST_CASE("destructive programs are denied, wherever the command line names them", "[primitives][risk]") {
  for (const char* name : {"rm", "del", "rmdir", "remove-item", "move-item", "chmod", "chown", "icacls", "reg",
                           "regedit", "taskkill", "sudo", "su", "runas", "docker", "kubectl"}) {
    INFO(name);
    CHECK(effect({name, "x"}) == Effect::kDeny);
    CHECK(effect({"env", name, "x"}) == Effect::kDeny);
    CHECK(effect({std::string("/bin/") + name}) == Effect::kDeny);
    CHECK(effect({"bash", "-c", std::string("true; ") + name + " x"}) == Effect::kDeny);
    CHECK(level({name}) == RiskLevel::kDestructive);
  }
  CHECK(effect({"RM.EXE"}) == Effect::kDeny);
  CHECK(effect({"C:\\Windows\\del"}) == Effect::kDeny);
  CHECK(effect({"find", ".", "-exec", "rm", "{}", ";"}) == Effect::kDeny);
  CHECK(effect({"xargs", "-n1", "/usr/bin/rm"}) == Effect::kDeny);
  CHECK(effect({"sh", "-c", "(rm x)"}) == Effect::kDeny);
  CHECK(effect({"sh", "-c", "echo $(sudo id)"}) == Effect::kDeny);
  for (const char* shell : {"ksh", "ash", "python3.11", "/usr/bin/perl5.36.0", "gawk", "awk"})
    CHECK(effect({shell, "-c", "system(\"rm x\")"}) == Effect::kDeny);
  CHECK(effect({"env", "-S", "rm x"}) == Effect::kDeny);
  CHECK(effect({"env", "-iS", "rm x"}) == Effect::kDeny);
  CHECK(effect({"env", "--split-string=rm x"}) == Effect::kDeny);
}

TEST_CASE("names that only begin or end like a destructive one are not denied", "[primitives][risk]") {
  for (const char* name : {"rmx", "xrm", "surf", "registry", "docker-compose.yml", "--rm", "rm-old"}) {
    INFO(name);
    CHECK(effect({"ls", name}) != Effect::kDeny);
    CHECK(effect({name}) != Effect::kDeny);
  }
  // Words inside of a text are looked at only where something may run the text.
  CHECK(effect({"git", "commit", "-m", "rm the old file"}) != Effect::kDeny);
  CHECK(effect({"sh", "-c", "echo firm"}) != Effect::kDeny);
  CHECK(effect({"env", "LANG=C", "git", "commit", "-m", "rm the old file"}) != Effect::kDeny);
}

TEST_CASE("the other classes are told apart in their order", "[primitives][risk]") {
  CHECK(level({"curl", "--version"}) == RiskLevel::kHigh);
  CHECK(level({"ssh", "host"}) == RiskLevel::kHigh);
  CHECK(level({"pytest"}) == RiskLevel::kMedium);
  CHECK(level({"npm", "test"}) == RiskLevel::kMedium);
  CHECK(level({"npm", "install"}) == RiskLevel::kHigh);
  CHECK(level({"uv", "run", "x"}) == RiskLevel::kMedium);
  CHECK(level({"python3", "-m", "compileall"}) == RiskLevel::kHigh);
  CHECK(level({"bash", "-c", "true"}) == RiskLevel::kHigh);
  CHECK(level({"make"}) == RiskLevel::kMedium);
  for (const Words& argv : {Words{"curl", "x"}, Words{"pytest"}, Words{"npm", "i"}, Words{"python3"}, Words{"make"}})
    CHECK(effect(argv) == Effect::kAsk);
}

TEST_CASE("only an exact list is harmless", "[primitives][risk]") {
  for (const Words& argv : {Words{"git", "status"}, Words{"git", "status", "--short"}, Words{"git", "diff", "--stat"},
                            Words{"git", "branch", "--show-current"}, Words{"git", "rev-parse", "--show-toplevel"},
                            Words{"make", "--version"}}) {
    CHECK(level(argv) == RiskLevel::kHarmless);
    CHECK(effect(argv) == Effect::kAllow);
  }
  CHECK(level({"git", "diff"}) == RiskLevel::kLow);
  // An argument more, a path, a character of a shell's language.
  CHECK(effect({"git", "status", "-v"}) == Effect::kAsk);
  CHECK(effect({"./git", "status"}) == Effect::kAsk);
  CHECK(effect({"/usr/bin/git", "status"}) == Effect::kAsk);
  CHECK(effect({"./make", "--version"}) == Effect::kAsk);
  CHECK(effect({"a;b", "--version"}) == Effect::kAsk);
  CHECK(effect({"git", "status\n"}) == Effect::kAsk);
}

}  // namespace
}  // namespace writ
