// The environment: allow-list, scrubbing of injection variables, secrets and patterns.
#include "broker/policy/environment.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace writ {
namespace {

using Strings = std::vector<std::string>;
using Settings = std::vector<std::pair<std::string, std::string>>;

Strings built(const EnvironmentPolicy& policy, const Strings& host, const Settings& extra = {}) {
  const Result<Strings> environment = build_environment(policy, host, extra);
  if (!environment) FAIL("should be built: " << environment.error().describe());
  return *environment;
}

TEST_CASE("nothing passes unless it is listed", "[environment]") {
  CHECK(built({}, {"PATH=/bin", "SECRET=x"}).empty());
  CHECK(built({{"PATH"}, {}}, {"PATH=/bin", "PATHX=1", "XPATH=1", "path=2"}) == Strings{"PATH=/bin"});
}

TEST_CASE("prefixes", "[environment]") {
  const EnvironmentPolicy policy{{"LC_*"}, {}};
  CHECK(built(policy, {"LC_ALL=C", "LC_=", "LCX=1", "LANG=C"}) == Strings{"LC_=", "LC_ALL=C"});
}

TEST_CASE("the result is sorted by name and has each name once", "[environment]") {
  const EnvironmentPolicy policy{{"B", "A", "C"}, {{"Z", "1"}, {"B", "set"}}};
  CHECK(built(policy, {"C=1", "B=1", "A=1", "A=2"}) == Strings{"A=1", "B=set", "C=1", "Z=1"});
}

TEST_CASE("the command line wins over set, set wins over pass", "[environment]") {
  const EnvironmentPolicy policy{{"A"}, {{"A", "set"}}};
  CHECK(built(policy, {"A=host"}) == Strings{"A=set"});
  CHECK(built(policy, {"A=host"}, {{"A", "line"}}) == Strings{"A=line"});
}

TEST_CASE("values may hold anything but NUL", "[environment]") {
  CHECK(built({{"A"}, {}}, {"A==x=\n\xff"}) == Strings{"A==x=\n\xff"});
  CHECK(built({{"A"}, {}}, {"A="}) == Strings{"A="});
  CHECK(!build_environment({{"A"}, {}}, Strings{std::string("A=x\0y", 5)}, {}));
  CHECK(!build_environment({{}, {{"A", std::string("x\0y", 3)}}}, {}, {}));
  CHECK(!build_environment({}, {}, Settings{{"A", std::string("\0", 1)}}));
}

TEST_CASE("malformed host entries are left out", "[environment]") {
  CHECK(built({{"A"}, {}}, {"A", "=A", "", "A B=1", "1A=1", "BASH_FUNC_A%%=() { x; }"}).empty());
}

TEST_CASE("malformed names are errors", "[environment]") {
  for (const std::string name : {"", "1A", "A-B", "A=B", "A B", "É", "A%%", "A\n"}) {
    INFO(name);
    CHECK(!build_environment({{name}, {}}, {}, {}));
    CHECK(!build_environment({{}, {{name, "x"}}}, {}, {}));
    CHECK(!build_environment({}, {}, Settings{{name, "x"}}));
  }
  CHECK(!is_environment_name(std::string(256, 'A')));
  CHECK(is_environment_name("_x9"));
}

TEST_CASE("patterns must end in _*", "[environment]") {
  for (const std::string pattern : {"*", "_*", "A*", "LC*", "*_A", "A_*B", "**", "A_**", "1A_*"}) {
    INFO(pattern);
    CHECK(!check_passed_name(pattern));
  }
  CHECK(check_passed_name("LC_*"));
}

TEST_CASE("attack 39: injection variables never come over from the host", "[environment][attack]") {
  const Strings dangerous = {
      "LD_PRELOAD",       "LD_AUDIT",      "LD_LIBRARY_PATH", "GCONV_PATH",        "GLIBC_TUNABLES",
      "BASH_ENV",         "ENV",           "BASH_FUNC_x",     "SHELLOPTS",         "PS4",
      "PROMPT_COMMAND",   "PYTHONPATH",    "PYTHONHOME",      "PYTHONSTARTUP",     "PYTHONINSPECT",
      "NODE_OPTIONS",     "NODE_PATH",     "PERL5OPT",        "PERL5LIB",          "PERL5DB",
      "RUBYOPT",          "RUBYLIB",       "GIT_SSH_COMMAND", "GIT_SSH",           "GIT_EXTERNAL_DIFF",
      "GIT_PAGER",        "PAGER",         "EDITOR",          "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS",
      "JDK_JAVA_OPTIONS", "MALLOC_CHECK_", "LOCPATH",         "NLSPATH",           "HOSTALIASES",
      "RES_OPTIONS",      "TMPDIR",        "MAKEFLAGS",       "LESSOPEN",          "GIT_CONFIG_COUNT"};
  for (const std::string& name : dangerous) {
    INFO(name);
    CHECK(find_injection_variable(name) != nullptr);
    // Naming it is an error that says so, rather than a variable that is silently missing.
    CHECK(!check_passed_name(name));
    // A prefix that reaches it leaves it out.
    const std::size_t underscore = name.find('_', 1);
    if (underscore == std::string::npos) continue;
    const std::string prefix = name.substr(0, underscore + 1);
    if (!check_passed_name(prefix + "*")) continue;
    CHECK(built({{prefix + "*"}, {}}, {name + "=x", prefix + "HARMLESS=1"}) == Strings{prefix + "HARMLESS=1"});
  }
}

TEST_CASE("control: a harmless variable takes the same way and arrives", "[environment][attack]") {
  CHECK(built({{"PYTHONUTF8", "GIT_*"}, {}}, {"PYTHONUTF8=1", "GIT_AUTHOR_NAME=a", "GIT_SSH=x"}) ==
        Strings{"GIT_AUTHOR_NAME=a", "PYTHONUTF8=1"});
}

TEST_CASE("some injection variables can be set on purpose, others never", "[environment]") {
  CHECK(check_set_name("PYTHONPATH"));
  CHECK(check_set_name("LD_LIBRARY_PATH"));
  CHECK(check_set_name("PAGER"));
  for (const std::string name : {"LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "GLIBC_TUNABLES", "PROMPT_COMMAND"}) {
    INFO(name);
    CHECK(!check_set_name(name));
    CHECK(!build_environment({{}, {{name, "x"}}}, {}, {}));
    CHECK(!build_environment({}, {}, Settings{{name, "x"}}));
  }
}

TEST_CASE("the table has reasons, unique names, and no entry that an earlier one covers", "[environment]") {
  for (const InjectionVariable& variable : injection_variables()) {
    INFO(variable.name);
    CHECK(variable.reason.size() > 10);
    std::string name(variable.name);
    if (name.ends_with('*')) name.back() = 'x';
    CHECK(find_injection_variable(name) == &variable);
  }
}

TEST_CASE("secrets pass by their exact name only", "[environment]") {
  for (const std::string name : {"MY_TOKEN", "MY_SECRET", "MY_PASSWORD", "MY_KEY", "MY_API_KEY", "MY_AUTH",
                                 "MY_GITHUB_PAT", "MY_token", "MY_DSN"}) {
    INFO(name);
    CHECK(is_secret_name(name));
    CHECK(built({{"MY_*"}, {}}, {name + "=x", "MY_NAME=1"}) == Strings{"MY_NAME=1"});
    CHECK(built({{name}, {}}, {name + "=x"}) == Strings{name + "=x"});
  }
  for (const std::string name :
       {"AWS_PROFILE", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "DATABASE_URL"})
    CHECK(is_secret_name(name));
  for (const std::string name : {"PATH", "LC_ALL", "TERM", "KEYBOARD", "USER", "OLDPWD", "COMPATH"})
    CHECK(!is_secret_name(name));
}

}  // namespace
}  // namespace writ
