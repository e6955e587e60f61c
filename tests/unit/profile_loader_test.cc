// The profile loader: schema, messages, paths, contradictions, secrets.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/policy/profile_loader.h"
#include "tests/unit/profile_fixture.h"

namespace writ::profile_tests {
namespace {

TEST_CASE("an empty profile grants nothing", "[profile]") {
  const Profile profile = loaded("");
  CHECK(profile.name == "test");
  CHECK(profile.filesystem.grants.empty());
  CHECK(profile.environment.pass.empty());
  CHECK(profile.environment.set.empty());
  CHECK(profile.network == NetworkMode::kNone);
  CHECK(profile.process.unix_sockets == UnixSockets::kNone);
  for (const LayerName& layer : kLayerNames) CHECK(profile.requirement(layer.layer) == Requirement::kRequire);
  CHECK(!profile.limits.wall_time);
}

TEST_CASE("every key of the schema", "[profile]") {
  const Profile profile = loaded(R"(
description: all of it
variables: {data: '${home}/data', sub: '${data}/sub'}
filesystem:
  read: [/usr, {path: /opt, optional: true}, '${sub}']
  write: [{path: ~/out, optional: false}]
  hide: ['${home}/data/private']
  protect: [.git/hooks, .envrc]
  report_changes: [Makefile]
  scratch_execution: denied
  writable_execution: denied
environment:
  pass: [PATH, LC_*]
  set: {A: '${home}/a', EMPTY: '', NUMBER: 010, DOLLAR: 'a$$b'}
process: {hostname: box-1, unix_sockets: allowed, netlink: route}
limits:
  wall_time: 60s
  kill_grace: 0s
  cpu_time: 2m
  address_space: 1G
  file_size: 10M
  tmp_size: 64K
  shm_size: 4096
  processes: 10
  open_files: 16
syscalls: {base: strict, allow: [ptrace], deny: [socket, socket]}
isolation: {cgroup_namespace: prefer, landlock: require}
terminal: none
network: host
)");
  CHECK(profile.description == "all of it");
  CHECK(grant_paths(profile) == Strings{"/usr", "/opt", "/home/u/data/sub", "/home/u/out"});
  CHECK(grant_of(profile, "/usr").presence == Presence::kRequired);
  CHECK(grant_of(profile, "/usr").access == PathAccess::kRead);
  CHECK(grant_of(profile, "/opt").presence == Presence::kOptional);
  CHECK(grant_of(profile, "/home/u/out").access == PathAccess::kWrite);
  CHECK(profile.filesystem.hide.front() == "/home/u/data/private");
  CHECK(profile.filesystem.protect == Strings{".git/hooks", ".envrc"});
  CHECK(profile.filesystem.report_changes == Strings{"Makefile"});
  CHECK(profile.filesystem.scratch_execution == Execution::kDenied);
  CHECK(profile.filesystem.writable_execution == Execution::kDenied);
  CHECK(profile.environment.pass == Strings{"PATH", "LC_*"});
  const std::vector<std::pair<std::string, std::string>> set = {
      {"A", "/home/u/a"}, {"EMPTY", ""}, {"NUMBER", "010"}, {"DOLLAR", "a$b"}};
  CHECK(profile.environment.set == set);
  CHECK(profile.process.hostname == "box-1");
  CHECK(profile.process.unix_sockets == UnixSockets::kAllowed);
  CHECK(profile.process.netlink == NetlinkSockets::kRoute);
  CHECK(profile.limits.wall_time == std::chrono::seconds(60));
  CHECK(profile.limits.kill_grace == std::chrono::seconds(0));
  CHECK(profile.limits.cpu_seconds == 120);
  CHECK(profile.limits.address_space == 1ull << 30);
  CHECK(profile.limits.file_size == 10ull << 20);
  CHECK(profile.limits.tmp_size == 65536);
  CHECK(profile.limits.shm_size == 4096);
  CHECK(profile.limits.processes == 10);
  CHECK(profile.limits.open_files == 16);
  CHECK(profile.syscalls.base == SyscallBase::kStrict);
  CHECK(profile.syscalls.allow == Strings{"ptrace"});
  CHECK(profile.syscalls.deny == Strings{"socket"});
  CHECK(profile.requirement(Layer::kCgroupNamespace) == Requirement::kPrefer);
  CHECK(profile.requirement(Layer::kLandlock) == Requirement::kRequire);
  CHECK(profile.terminal == TerminalMode::kNone);
  CHECK(profile.network == NetworkMode::kHost);
}

TEST_CASE("unknown keys are errors with a place and a suggestion", "[profile]") {
  CHECK(error_of("filesytem:\n  read: []\n") ==
        "test.yaml:3:1: unknown key 'filesytem' (did you mean 'filesystem'?)\n  3 | filesytem:\n    | ^");
  CHECK(says(error_of("filesystem: {raed: []}\n"), "test.yaml:3:14: unknown key 'raed' (did you mean 'read'?)"));
  CHECK(says(error_of("limits: {walltime: 5s}\n"), "did you mean 'wall_time'?"));
  CHECK(says(error_of("environment: {export: []}\n"), "unknown key 'export'\n"));
  CHECK(says(error_of("process: {host: x}\n"), "unknown key"));
  CHECK(says(error_of("syscalls: {allowed: []}\n"), "did you mean 'allow'?"));
  CHECK(says(error_of("isolation: {seccmp: require}\n"), "unknown layer 'seccmp' (did you mean 'seccomp'?)"));
  CHECK(says(error_of("filesystem: {read: [{path: /a, optinal: true}]}\n"), "did you mean 'optional'?"));
  CHECK(says(error_of("Filesystem: {}\n"), "did you mean 'filesystem'?"));
  CHECK(says(error_of("\"a\\nb\": 1\n"), "unknown key 'a\\x0ab'"));
}

TEST_CASE("version and name are necessary", "[profile]") {
  CHECK(says(error_of_text("name: x\n"), "test.yaml:1:1: 'version: 1' is missing"));
  CHECK(says(error_of_text("version: 1\n"), "'name' is missing"));
  CHECK(says(error_of_text("version: 2\nname: x\nfuture: y\n"), "test.yaml:1:10: 'version': must be 1"));
  CHECK(says(error_of_text("version: '1'\nname: x\n"), "without quotes"));
  CHECK(says(error_of_text("version: 01\nname: x\n"), "leading zero"));
  CHECK(says(error_of_text("version: 1.0\nname: x\n"), "not a whole decimal number"));
  for (const char* name : {"Test", "a b", "a/b", "''", "~", "[a]", "é", "a_b"})
    CHECK(!error_of_text("version: 1\nname: " + std::string(name) + "\n").empty());
  CHECK(says(error_of_text("- version\n"), "expected a mapping"));
  CHECK(says(error_of_text("just text\n"), "expected a mapping"));
  CHECK(says(error_of_text(""), "the file is empty"));
}

TEST_CASE("a scalar is not a list and nothing is not a value", "[profile]") {
  // yaml-cpp iterates a scalar as nothing, so that `hide: /etc` would hide nothing.
  CHECK(says(error_of("filesystem: {hide: /etc}\n"),
             "test.yaml:3:20: 'hide': expected a list ([] is the empty one), got '/etc'"));
  CHECK(says(error_of("filesystem:\n  hide:\n"), "expected a list ([] is the empty one), got nothing"));
  CHECK(says(error_of("filesystem:\n"), "expected a mapping (key: value), got nothing"));
  CHECK(says(error_of("filesystem: [read]\n"), "expected a mapping"));
  CHECK(says(error_of("filesystem: {read: {a: /b}}\n"), "expected a list"));
  CHECK(says(error_of("filesystem: {read: [[/a]]}\n"), "expected a word, got a list"));
  CHECK(says(error_of("filesystem: {read: [~]}\n"), "expected a word, got nothing"));
  CHECK(says(error_of("filesystem: {read: ['']}\n"), "is empty"));
  CHECK(says(error_of("filesystem: {read: [{optional: true}]}\n"), "has no 'path'"));
  CHECK(says(error_of("filesystem: {read: [{path: ~}]}\n"), "got nothing"));
  CHECK(says(error_of("environment: {set: [A]}\n"), "expected a mapping"));
  CHECK(says(error_of("environment: {set: {A: }}\n"), "write '' for an empty one"));
  CHECK(says(error_of("environment: {set: {A: [1]}}\n"), "expected a text"));
  CHECK(says(error_of("environment: {pass: PATH}\n"), "expected a list"));
  CHECK(says(error_of("network: ~\n"), "got nothing"));
  CHECK(says(error_of("isolation: prefer\n"), "expected a mapping"));
}

TEST_CASE("words are exact", "[profile]") {
  CHECK(says(error_of("network: off\n"), "'network': expected one of none, host; got 'off'"));
  CHECK(says(error_of("terminal: Auto\n"), "(did you mean 'auto'?)"));
  CHECK(says(error_of("isolation: {landlock: required}\n"), "(did you mean 'require'?)"));
  CHECK(says(error_of("filesystem: {scratch_execution: no}\n"), "expected one of allowed, denied"));
  for (const char* word : {"yes", "no", "on", "off", "True", "TRUE", "1", "y"})
    CHECK(says(error_of("filesystem: {read: [{path: /a, optional: " + std::string(word) + "}]}\n"),
               "expected one of true, false"));
}

TEST_CASE("limits that make no sense", "[profile]") {
  const std::pair<const char*, const char*> cases[] = {
      {"wall_time: 0s", "must be at least 1ms"},
      {"wall_time: 60", "expected a duration"},
      {"wall_time: -1s", "expected a duration"},
      {"wall_time: '60s'", "without quotes"},
      {"wall_time: 1d", "expected a duration"},
      {"wall_time: 99999999999h", "too large"},
      {"wall_time: [1s]", "expected a duration"},
      {"kill_grace: 11m", "at most 10m"},
      {"kill_grace: none", "expected a duration"},
      {"cpu_time: 0s", "at least 1s"},
      {"cpu_time: 1500ms", "whole seconds"},
      {"address_space: 1M", "at least 16M"},
      {"address_space: 0", "at least 16M"},
      {"file_size: 0", "at least 1"},
      {"tmp_size: 0", "at least 64K"},
      {"tmp_size: none", "expected a size"},
      {"tmp_size: 2GB", "expected a size"},
      {"tmp_size: 99999999999T", "too large"},
      {"shm_size: 0", "at least 4K"},
      {"processes: 0", "at least 1"},
      {"processes: -5", "not a whole decimal number"},
      {"processes: 010", "leading zero"},
      {"processes: 0x10", "not a whole decimal number"},
      {"processes: 99999999999999999999", "too large"},
      {"processes: 5000000", "at most 4194304"},
      {"processes: ten", "not a whole decimal number"},
      {"processes: none", "not a whole decimal number"},
      {"open_files: 15", "at least 16"},
      {"open_files: 2000000", "at most 1048576"},
      {"open_files: 1e3", "not a whole decimal number"},
  };
  for (const auto& [limit, part] : cases) {
    INFO(limit);
    CHECK(says(error_of("limits: {" + std::string(limit) + "}\n"), part));
  }
}

TEST_CASE("paths that cannot be granted", "[profile]") {
  const std::pair<const char*, const char*> cases[] = {
      {"/", "the whole file system '/'"},
      {"//", "the whole file system '/'"},
      {"'*'", "is a pattern"},
      {"/usr/*", "is a pattern"},
      {"usr", "is not absolute"},
      {"./usr", "is not absolute"},
      {"/usr/..", "has a '..' segment"},
      {"../x", "is not absolute"},
      {"~root/x", "only '~/' is supported"},
      {"\"/a\\nb\"", "holds a newline or a tab"},
      {"\"/a\\0b\"", "NUL"},
      {"\"/a\\x07b\"", "control character"},
      {"'${home'", "a lone '$'"},
      {"$home/x", "a lone '$'"},
      {"'${}'", "a lone '$'"},
      {"'${hme}/x'", "unknown variable 'hme' (did you mean 'home'?)"},
  };
  for (const auto& [path, part] : cases) {
    INFO(path);
    CHECK(says(error_of("filesystem: {read: [" + std::string(path) + "]}\n"), part));
    CHECK(says(error_of("filesystem: {write: [" + std::string(path) + "]}\n"), part));
  }
  CHECK(says(error_of("filesystem: {hide: [/]}\n"), "cannot be hidden"));
  CHECK(says(error_of("filesystem: {protect: [/etc]}\n"), "must be relative"));
  CHECK(says(error_of("filesystem: {protect: [.git/*]}\n"), "is a pattern"));
  CHECK(says(error_of("filesystem: {report_changes: [a/../b]}\n"), "'..' segment"));
}

TEST_CASE("paths become normal and home is known", "[profile]") {
  const Profile profile = loaded("filesystem: {read: [/usr//lib/, '~', ~/a/./b]}\n");
  // A tilde in quotes is the home directory; without them it is YAML's null.
  CHECK(grant_paths(profile) == Strings{"/usr/lib", "/home/u", "/home/u/a/b"});
}

TEST_CASE("a hostile workspace name is caught after expansion", "[profile]") {
  ProfileContext context = context_with();
  const ProfileSource source{"test.yaml", with_head("filesystem: {write: ['${workspace}']}\n")};
  for (const std::string workspace : {"/w\nx", "/w\x1b[2J", "/w\xff", "relative", "", "/", "/a/../b"}) {
    context.variables["workspace"] = workspace;
    const Result<Profile> profile = load_profile(source, context);
    INFO("workspace of " << workspace.size() << " bytes");
    REQUIRE(!profile);
    CHECK(profile.error().describe().find('\x1b') == std::string::npos);
  }
  // Characters that are special in a profile are plain letters in a value.
  for (const std::string workspace : {"/w/*", "/w/${home}", "/w/a b", "/w/~", "/w/$x", "/w/[id]"}) {
    context.variables["workspace"] = workspace;
    const Result<Profile> profile = load_profile(source, context);
    REQUIRE(profile);
    CHECK(profile->filesystem.grants[0].path == workspace);
  }
}

TEST_CASE("isolation may not be loosened to nothing", "[profile]") {
  CHECK(says(error_of("isolation: {seccomp: prefer}\n"), "test.yaml:3:22: 'seccomp' is always required"));
  CHECK(
      says(error_of("isolation: {view: prefer, locked_view: prefer, landlock: prefer}\n"), "cannot both be 'prefer'"));
  CHECK(says(error_of("isolation: {view: prefer}\n"), "needs 'locked_view: prefer'"));
  CHECK(loaded("isolation: {view: prefer, locked_view: prefer}\n").requirement(Layer::kView) == Requirement::kPrefer);
  CHECK(loaded("isolation: {landlock: prefer}\n").requirement(Layer::kLandlock) == Requirement::kPrefer);
  const Files files = {{"loose", "version: 1\nname: loose\nisolation: {view: prefer, locked_view: prefer}\n"}};
  CHECK(says(error_of("extends: loose\nisolation: {landlock: prefer}\n", files), "cannot both be 'prefer'"));
}

TEST_CASE("environment names are checked when the profile is loaded", "[profile]") {
  CHECK(says(error_of("environment: {pass: [LD_PRELOAD]}\n"),
             "test.yaml:3:22: the variable 'LD_PRELOAD' is never passed on"));
  CHECK(says(error_of("environment: {pass: ['*']}\n"), "refused"));
  CHECK(says(error_of("environment: {pass: [A B]}\n"), "is not the name"));
  CHECK(says(error_of("environment: {set: {BASH_ENV: /x}}\n"), "is never set"));
  CHECK(says(error_of("environment: {set: {A-B: x}}\n"), "is not the name"));
  CHECK(loaded("environment: {set: {PYTHONPATH: /x}}\n").environment.set.size() == 1);
}

TEST_CASE("system call names have the right shape", "[profile]") {
  CHECK(says(error_of("syscalls: {allow: [Open]}\n"), "is not the name of a system call"));
  CHECK(says(error_of("syscalls: {deny: ['*']}\n"), "is not the name of a system call"));
}

TEST_CASE("secrets are hidden unless a path is named exactly", "[profile]") {
  CHECK(contains(loaded("").filesystem.hide, "/home/u/.ssh"));
  const Profile home = loaded("filesystem: {read: [~/.ssh/..x, '${home}']}\n");
  CHECK(contains(home.filesystem.hide, "/home/u/.ssh"));
  const Profile named = loaded("filesystem: {read: [~/.ssh]}\n");
  CHECK(!contains(named.filesystem.hide, "/home/u/.ssh"));
  CHECK(contains(named.filesystem.hide, "/home/u/.aws"));
  CHECK(grant_of(named, "/home/u/.ssh").named_exactly);
  CHECK(contains(loaded("filesystem: {hide: [/srv/x, /srv/x]}\n").filesystem.hide, "/srv/x"));
}

TEST_CASE("standing in a secret place is not naming it", "[profile]") {
  ProfileContext context = context_with();
  context.variables["workspace"] = "/home/u/.ssh";
  const ProfileSource direct{"test.yaml", with_head("filesystem: {write: ['${workspace}']}\n")};
  REQUIRE(!load_profile(direct, context));
  CHECK(says(load_profile(direct, context).error().describe(), "lies in a place for secrets (/home/u/.ssh)"));
  context.variables["workspace"] = "/home/u/.ssh/deeper";
  CHECK(!load_profile(direct, context));
  const ProfileSource hop{"test.yaml", with_head("variables: {w: '${workspace}'}\nfilesystem: {read: ['${w}']}\n")};
  CHECK(!load_profile(hop, context));
  const ProfileSource both{"test.yaml", with_head("filesystem: {read: ['/home/u/.ssh']}\n")};
  CHECK(load_profile(both, context));
  context.variables["workspace"] = "/home/u/.sshx";
  const Result<Profile> neighbour = load_profile(direct, context);
  REQUIRE(neighbour);
  CHECK(!neighbour->filesystem.grants[0].named_exactly);
}

TEST_CASE("very long lists are refused", "[profile]") {
  std::string list;
  for (int i = 0; i < 2001; ++i) list += "/p" + std::to_string(i) + ",";
  CHECK(says(error_of("filesystem: {read: [" + list + "]}\n"), "more than 2000 entries"));
}

}  // namespace
}  // namespace writ::profile_tests
