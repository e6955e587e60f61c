// A sandbox whose view gets trees while its tool runs: what the tests of late grants share. The tool is a shell that
// the test speaks with.
#ifndef WRIT_TESTS_INTEGRATION_LATE_GRANTS_LATE_SCENE_H_
#define WRIT_TESTS_INTEGRATION_LATE_GRANTS_LATE_SCENE_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/policy/listener_filter.h"
#include "broker/sandbox/launch.h"

namespace writ::late_test {

struct SceneOptions {
  LateGrants late_grants = LateGrants::kPossible;
  ViewAssembly assembly = ViewAssembly::kAutomatic;
  SyscallBase syscalls = SyscallBase::kStandard;
  std::vector<TrappedCall> traps;
};

// One line of /proc/PID/mountinfo (proc(5)).
struct MountLine {
  std::string at;
  std::string options;
  std::string peers;  // "shared:1 master:2 ", empty for a private mount
};

// The mounts of a process, "self" included.
[[nodiscard]] std::vector<MountLine> mounts_of(const std::string& process);

// In a fresh directory:
//   work/                 granted for writing; the working directory
//   library/readme        granted for reading
//   library/closed/file   "late\n"; closed/ and single are denied: there are covers in their places
//   library/single        "one\n"
//   elsewhere/file        "far\n"; not granted, not in the view
// The only sandbox of its process: the process becomes its broker.
class LateScene {
 public:
  explicit LateScene(SceneOptions options = {});
  ~LateScene();
  LateScene(const LateScene&) = delete;
  LateScene& operator=(const LateScene&) = delete;

  // A path of the scene; it has the same name in the view.
  [[nodiscard]] std::string path(const std::string& relative) const { return directory_ + "/" + relative; }

  // The detached, restricted mount that the broker makes of a path of the scene.
  [[nodiscard]] UniqueFd tree(const std::string& relative, PathAccess access = PathAccess::kRead) const;

  // Asks and waits for the answer.
  InitReport attach(std::uint64_t id, const std::string& at, int mount);
  InitReport detach(std::uint64_t id, const std::string& at);
  InitReport answer();

  // Runs a command in the tool's shell; returns what it prints, with its exit status as the last word.
  std::string shell(const std::string& command);
  void send(const std::string& command);
  std::string result();

  // Runs `body` in a child process that has every capability in the tool's user and mount namespace. Returns its exit
  // status.
  [[nodiscard]] int as_capable_tool(const std::function<int()>& body) const;
  // The same in init's namespaces. Root only: init is closed to everybody else.
  [[nodiscard]] int as_capable_init(const std::function<int()>& body) const;

  [[nodiscard]] SandboxProcess& sandbox() { return *sandbox_; }
  [[nodiscard]] SeccompListener& listener() { return *prepared_->listener; }
  [[nodiscard]] std::string init() const { return std::to_string(sandbox_->init_pid()); }

 private:
  void make_files();
  void make(const std::string& relative, const std::string& content) const;
  [[nodiscard]] Profile profile() const;
  void launch(SceneOptions& options);

  std::string directory_;
  BrokerStart broker_;
  std::optional<SandboxProcess> sandbox_;
  UniqueFd user_namespace_;
  std::optional<PreparedLaunch> prepared_;
  Profile profile_;
  UniqueFd tool_;
  UniqueFd to_tool_;
  UniqueFd from_tool_;
};

}  // namespace writ::late_test

#endif  // WRIT_TESTS_INTEGRATION_LATE_GRANTS_LATE_SCENE_H_
