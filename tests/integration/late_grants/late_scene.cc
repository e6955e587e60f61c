#include "tests/integration/late_grants/late_scene.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "broker/grant/tree_grant.h"
#include "broker/kernel/landlock.h"
#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"

namespace writ::late_test {
namespace {

constexpr int kPatience = 20'000;  // ms; only what is broken takes that long
const std::string kMarker = "the-end-of-the-answer";

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

int run_in_namespaces(int process, const std::function<int()>& body) {
  constexpr int kNotThere = 200;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::setns(process, CLONE_NEWUSER | CLONE_NEWNS) == 0 ? body() : kNotThere);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) != kNotThere);
  return WEXITSTATUS(status);
}

void require_launched(const tl::expected<void, LaunchError>& step) {
  INFO((step ? std::string() : step.error().error.describe()));
  REQUIRE(step);
}

}  // namespace

std::vector<MountLine> mounts_of(const std::string& process) {
  std::vector<MountLine> mounts;
  std::ifstream file("/proc/" + process + "/mountinfo");
  REQUIRE(file);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string skipped;
    MountLine mount;
    fields >> skipped >> skipped >> skipped >> skipped >> mount.at >> mount.options;
    for (std::string field; fields >> field && field != "-";) mount.peers += field + " ";
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

LateScene::LateScene(SceneOptions options) : broker_(start_broker(NetworkStart::kOwn)) {
  if (!broker_.mount_authority || !broker_.init || !*broker_.init) {
    std::cout << "SKIPPED: this host allows no sandbox\n";
    std::exit(77);
  }
  const char* given = std::getenv("WRIT_TEST_DIRECTORY");
  directory_ = std::string(given != nullptr ? given : "/tmp") + "/writ-late-XXXXXX";
  REQUIRE(::mkdtemp(directory_.data()) != nullptr);
  make_files();
  launch(options);
}

LateScene::~LateScene() {
  sandbox_.reset();
  for (const char* name : {"elsewhere", "work"}) ::umount2(path(name).c_str(), MNT_DETACH);  // where a test mounted
  std::error_code problem;
  std::filesystem::remove_all(directory_, problem);
}

void LateScene::make(const std::string& relative, const std::string& content) const {
  std::ofstream(path(relative)) << content;
  REQUIRE(::chmod(path(relative).c_str(), 0755) == 0);
}

// Everything belongs to whom the directory given by the environment belongs to; root can choose.
void LateScene::make_files() {
  ::umask(022);
  REQUIRE(::chmod(directory_.c_str(), 0755) == 0);
  for (const char* name : {"work", "library", "library/closed", "elsewhere"})
    std::filesystem::create_directory(path(name));
  make("library/readme", "open\n");
  make("library/closed/file", "late\n");
  make("library/closed/program", "#!/bin/sh\necho ran\n");
  make("library/single", "one\n");
  make("elsewhere/file", "far\n");
  struct stat parent {};
  REQUIRE(::stat((directory_ + "/..").c_str(), &parent) == 0);
  if (::geteuid() != 0 || std::getenv("WRIT_TEST_DIRECTORY") == nullptr) return;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_))
    REQUIRE(::chown(entry.path().c_str(), parent.st_uid, parent.st_gid) == 0);
}

Profile LateScene::profile() const {
  Profile profile;
  for (const char* system : {"/usr", "/etc"}) profile.filesystem.grants.push_back({system, PathAccess::kRead});
  for (const char* system : {"/bin", "/lib", "/lib64"})
    profile.filesystem.grants.push_back({system, PathAccess::kRead, Presence::kOptional});
  profile.filesystem.grants.push_back({path("work"), PathAccess::kWrite});
  profile.filesystem.grants.push_back({path("library"), PathAccess::kRead});
  profile.filesystem.deny_all = {{path("library/closed"), PathScope::kSubtree}, {path("library/single")}};
  return profile;
}

void LateScene::launch(SceneOptions& options) {
  profile_ = profile();
  profile_.syscalls.base = options.syscalls;
  // The test has taken the second user namespace away; the view is then not locked.
  const bool unlocked = std::getenv("WRIT_TEST_UNLOCKED") != nullptr;
  if (unlocked) profile_.isolation[static_cast<std::size_t>(Layer::kLockedView)] = Requirement::kPrefer;
  sandbox_.emplace(std::move(**broker_.init));
  LaunchRequest request;
  request.profile = &profile_;
  struct stat status {};
  REQUIRE(::stat(path("work").c_str(), &status) == 0);
  request.identity = choose_identity(broker_.uid, broker_.gid, status.st_uid, status.st_gid);
  if (broker_.uid == 0) {
    REQUIRE(sandbox_->map_identity(request.identity.init_map));
    user_namespace_ = std::move(*sandbox_->user_namespace());
    if (request.identity.translation == OwnershipTranslation::kNone) user_namespace_.reset();
  }
  request.ownership_namespace = user_namespace_.valid() ? user_namespace_.get() : -1;
  request.working_directory = path("work");
  request.home = "/nonexistent";
  request.user_name = "writ";
  request.landlock_abi = landlock_abi();
  request.assembly = options.assembly;
  request.late_grants = options.late_grants;
  if (!options.traps.empty()) request.listener_filter = *compile_listener_filter(options.traps);
  Pipe input;
  Pipe output;
  request.tool = {
      {"/bin/sh"}, {"PATH=/usr/bin:/bin"}, {{0, input.read.get()}, {1, output.write.get()}, {2, output.write.get()}}};
  auto prepared = prepare_launch(broker_, std::move(request));
  INFO((prepared ? std::string() : prepared.error().error.describe()));
  REQUIRE(prepared);
  prepared_.emplace(std::move(*prepared));
  const auto model = build_seccomp_model(profile_.syscalls, profile_.process);
  REQUIRE(model);
  prepared_->content.filter = *seccomp_program_for(*model, nullptr);
  require_launched(begin_start(*sandbox_, *prepared_));
  auto started = finish_start(*sandbox_, *prepared_);
  INFO((started ? std::string() : started.error().error.describe()));
  REQUIRE(started);
  const LayerState locked = prepared_->layers[static_cast<std::size_t>(Layer::kLockedView)].state;
  REQUIRE(locked == (unlocked ? LayerState::kDegraded : LayerState::kActive));
  tool_ = std::move(*started);
  to_tool_ = std::move(input.write);
  from_tool_ = std::move(output.read);
}

UniqueFd LateScene::tree(const std::string& relative, PathAccess access) const {
  auto opened = open_host_tree(path(relative));
  REQUIRE(opened);
  const int ownership = user_namespace_.valid() ? user_namespace_.get() : -1;
  auto mount = make_tree_grant(opened->object.get(), {access, Execution::kAllowed, ownership});
  INFO((mount ? std::string() : mount.error().describe()));
  REQUIRE(mount);
  return std::move(*mount);
}

InitReport LateScene::answer() {
  pollfd ready{sandbox_->descriptor(), POLLIN, 0};
  REQUIRE(::poll(&ready, 1, kPatience) == 1);
  const auto message = sandbox_->receive();
  REQUIRE(message);
  return message->report;
}

InitReport LateScene::attach(std::uint64_t id, const std::string& at, int mount) {
  REQUIRE(sandbox_->attach_tree(AttachId{id}, at, mount));
  const InitReport report = answer();
  REQUIRE(report.event == InitEvent::kAttached);
  REQUIRE(report.tree == AttachId{id});
  return report;
}

InitReport LateScene::detach(std::uint64_t id, const std::string& at) {
  REQUIRE(sandbox_->detach_tree(AttachId{id}, at));
  const InitReport report = answer();
  REQUIRE(report.event == InitEvent::kDetached);
  REQUIRE(report.tree == AttachId{id});
  return report;
}

void LateScene::send(const std::string& command) {
  const std::string line = command + "\necho $?" + kMarker + "\n";
  REQUIRE(::write(to_tool_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

std::string LateScene::result() {
  std::string text;
  while (text.find(kMarker) == std::string::npos) {
    pollfd ready{from_tool_.get(), POLLIN, 0};
    INFO(text);
    REQUIRE(::poll(&ready, 1, kPatience) == 1);
    std::array<char, 4096> part{};
    const ssize_t got = ::read(from_tool_.get(), part.data(), part.size());
    REQUIRE(got > 0);
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text.substr(0, text.find(kMarker));
}

std::string LateScene::shell(const std::string& command) {
  send(command);
  return result();
}

int LateScene::as_capable_tool(const std::function<int()>& body) const { return run_in_namespaces(tool_.get(), body); }

int LateScene::as_capable_init(const std::function<int()>& body) const {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, sandbox_->init_pid(), 0)));
  return run_in_namespaces(process.get(), body);
}

}  // namespace writ::late_test
