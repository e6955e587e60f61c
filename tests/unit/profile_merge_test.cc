// For cmake/join_groups.py: compiled alone. Another file of a group knows other Files.
// The profile loader: variables, and how profiles that extend each other combine.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/policy/profile_loader.h"
#include "tests/unit/profile_fixture.h"

namespace writ::profile_tests {
namespace {

TEST_CASE("'none' takes a limit of a base away", "[profile]") {
  const Files files = {{"base", "version: 1\nname: base\nlimits: {wall_time: 5s, cpu_time: 5s, file_size: 1G}\n"}};
  CHECK(loaded("extends: base\n", files).limits.wall_time == std::chrono::seconds(5));
  const Profile profile = loaded("extends: base\nlimits: {wall_time: none, cpu_time: none, file_size: none}\n", files);
  CHECK(!profile.limits.wall_time);
  CHECK(!profile.limits.cpu_seconds);
  CHECK(!profile.limits.file_size);
}

TEST_CASE("variables", "[profile]") {
  CHECK(says(error_of("variables: {home: /x}\n"), "'home' is built in"));
  CHECK(says(error_of("variables: {workspace: /x}\n"), "'workspace' is built in"));
  CHECK(says(error_of("variables: {a: '${b}', b: '${c}', c: '${a}'}\n"), "variables need each other: a → b → c → a"));
  CHECK(says(error_of("variables: {a: '${a}'}\n"), "a → a"));
  CHECK(says(error_of("variables: {A: x}\n"), "must be made of a-z and _"));
  CHECK(says(error_of("variables: {a: [x]}\n"), "expected a text"));
  CHECK(says(error_of("variables: {unused: '${nope}'}\n"), "unknown variable 'nope'"));
  std::string bomb = "variables:\n  a: '0123456789'\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    bomb += "  " + std::string(1, c) + ": '${" + before + "}${" + before + "}'\n";
  }
  CHECK(says(error_of(bomb), "too long after variables are expanded"));
  const auto name = [](std::size_t length) { return std::string(length, 'x'); };
  std::string rising = "variables:\n  x: y\n";
  std::string falling = "variables:\n";
  for (std::size_t i = 2; i <= 40; ++i) rising += "  " + name(i) + ": '${" + name(i - 1) + "}'\n";
  for (std::size_t i = 40; i > 1; --i) falling += "  " + name(i) + ": '${" + name(i - 1) + "}'\n";
  CHECK(loaded(rising).name == "test");  // each value is known when the next one needs it
  CHECK(says(error_of(falling + "  x: y\n"), "chain of more than 32"));
}

TEST_CASE("a nearer layer changes a variable that a base uses", "[profile]") {
  const Files files = {
      {"base", "version: 1\nname: base\nvariables: {out: /srv/base}\nfilesystem: {write: ['${out}/x']}\n"}};
  CHECK(grant_paths(loaded("extends: base\n", files)) == Strings{"/srv/base/x"});
  CHECK(grant_paths(loaded("extends: base\nvariables: {out: /srv/mine}\n", files)) == Strings{"/srv/mine/x"});
}

TEST_CASE("golden merge of three layers", "[profile]") {
  const Files files = {
      {"a", R"(
version: 1
name: a
description: the bottom
filesystem: {read: [/usr, {path: /opt, optional: true}], protect: [.envrc], scratch_execution: denied}
environment: {pass: [PATH, LANG], set: {A: '1', B: '1'}}
process: {hostname: a, unix_sockets: allowed}
limits: {wall_time: 1s, processes: 5}
syscalls: {allow: [ptrace], deny: [socket]}
isolation: {landlock: prefer}
)"},
      {"b", R"(
version: 1
name: b
extends: a
filesystem: {read: [/srv, /usr], write: [/tmp/w]}
environment: {pass: [TERM, PATH], set: {B: '2', C: '2'}}
process: {hostname: b}
syscalls: {allow: [bpf], deny: [bind]}
)"},
  };
  const Profile profile = loaded(R"(
extends: b
filesystem: {read: [/opt], write: [/usr], protect: [.vscode, .envrc]}
environment: {set: {C: '3'}}
limits: {processes: 9}
isolation: {landlock: require}
)",
                                 files);
  CHECK(profile.name == "test");
  CHECK(profile.description.empty());
  CHECK(grant_paths(profile) == Strings{"/usr", "/opt", "/srv", "/tmp/w"});
  CHECK(grant_of(profile, "/usr").access == PathAccess::kWrite);     // write beats read
  CHECK(grant_of(profile, "/opt").presence == Presence::kRequired);  // required beats optional
  CHECK(profile.filesystem.protect == Strings{".envrc", ".vscode"});
  CHECK(profile.filesystem.scratch_execution == Execution::kDenied);
  CHECK(profile.environment.pass == Strings{"PATH", "LANG", "TERM"});
  const std::vector<std::pair<std::string, std::string>> set = {{"A", "1"}, {"B", "2"}, {"C", "3"}};
  CHECK(profile.environment.set == set);
  CHECK(profile.process.hostname == "b");
  CHECK(profile.process.unix_sockets == UnixSockets::kAllowed);
  CHECK(profile.limits.wall_time == std::chrono::seconds(1));
  CHECK(profile.limits.processes == 9);
  CHECK(profile.syscalls.allow == Strings{"ptrace", "bpf"});
  CHECK(profile.syscalls.deny == Strings{"socket", "bind"});
  CHECK(profile.requirement(Layer::kLandlock) == Requirement::kRequire);
}

TEST_CASE("several bases, each merged once", "[profile]") {
  const Files files = {
      {"root", "version: 1\nname: root\nprocess: {hostname: root}\nenvironment: {pass: [R]}\n"},
      {"left", "version: 1\nname: left\nextends: root\nprocess: {hostname: left}\nenvironment: {pass: [L]}\n"},
      {"right", "version: 1\nname: right\nextends: root\nenvironment: {pass: [I]}\n"},
  };
  const Profile profile = loaded("extends: [left, right]\n", files);
  CHECK(profile.environment.pass == Strings{"R", "L", "I"});
  // The shared base does not come back through `right` to undo what `left` said.
  CHECK(profile.process.hostname == "left");
  CHECK(loaded("extends: []\n", files).environment.pass.empty());
}

TEST_CASE("reset empties lists of the layers before", "[profile]") {
  const Files files = {{"base", R"(
version: 1
name: base
filesystem: {read: [/a], write: [/b], hide: [/c], protect: [d], report_changes: [e]}
environment: {pass: [F], set: {G: '1'}}
syscalls: {allow: [h], deny: [i]}
)"}};
  const Profile profile = loaded(R"(
extends: base
reset: [filesystem.read, filesystem.write, filesystem.hide, filesystem.protect, filesystem.report_changes,
        environment.pass, environment.set, syscalls.allow, syscalls.deny]
filesystem: {read: [/mine]}
)",
                                 files);
  CHECK(grant_paths(profile) == Strings{"/mine"});
  CHECK(!contains(profile.filesystem.hide, "/c"));
  CHECK(contains(profile.filesystem.hide, "/home/u/.ssh"));  // secrets are not a list that a profile owns
  CHECK(profile.filesystem.protect.empty());
  CHECK(profile.filesystem.report_changes.empty());
  CHECK(profile.environment.pass.empty());
  CHECK(profile.environment.set.empty());
  CHECK(profile.syscalls.allow.empty());
  CHECK(profile.syscalls.deny.empty());
  CHECK(says(error_of("reset: [filesystem.raed]\n"),
             "is not a list that can be reset (did you mean 'filesystem.read'?)"));
  CHECK(says(error_of("reset: [limits]\n"), "is not a list that can be reset"));
  CHECK(says(error_of("reset: filesystem.read\n"), "expected a list"));
}

TEST_CASE("extends: loops, depth, missing and misnamed bases", "[profile]") {
  const auto extending = [](const std::string& name, const std::string& base) {
    return "version: 1\nname: " + name + "\nextends: " + base + "\n";
  };
  const Files loop = {{"a", extending("a", "b")}, {"b", extending("b", "c")}, {"c", extending("c", "a")}};
  CHECK(says(error_of("extends: a\n", loop),
             "c.yaml:3:10: profiles extend each other: test.yaml → a.yaml → b.yaml → c.yaml → a.yaml"));
  CHECK(says(error_of("extends: me\n", {{"me", extending("me", "me")}}), "me.yaml → me.yaml"));
  CHECK(says(error_of("extends: nope\n"), "test.yaml:3:10: there is no profile 'nope'"));
  CHECK(says(error_of("extends: ./other.yaml\n"), "the profile name './other.yaml' must be"));
  CHECK(says(error_of("extends: ~\n"), "got nothing"));
  CHECK(says(error_of("extends: x\n", {{"x", "version: 1\nname: y\n"}}), "found as 'x' but calls itself 'y'"));
  // A mistake in a base is shown where it is.
  CHECK(
      says(error_of("extends: x\n", {{"x", "version: 1\nname: x\nlimitz: {}\n"}}), "x.yaml:3:1: unknown key 'limitz'"));
  Files deep;
  for (int i = 0; i < 12; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    deep[name] = i == 11 ? "version: 1\nname: l\n" : extending(name, std::string(1, static_cast<char>('b' + i)));
  }
  CHECK(says(error_of("extends: a\n", deep), "'extends' goes deeper than 10"));
  CHECK(loaded("extends: d\n", deep).name == "test");
  Files wide;
  std::string all;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "n" + std::to_string(i);
    wide[name] = "version: 1\nname: " + name + "\n";
    all += name + ", ";
  }
  CHECK(says(error_of("extends: [" + all + "]\n", wide), "more than 32 profiles"));
  ProfileContext blind = context_with();
  blind.find_profile = nullptr;
  CHECK(!load_profile({"t", with_head("extends: a\n")}, blind));
}

}  // namespace
}  // namespace writ::profile_tests
