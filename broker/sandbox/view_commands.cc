#include "broker/sandbox/view_commands.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_tree.h"
#include "broker/sandbox/program_names.h"

namespace writ {
namespace {

constexpr unsigned char kStandIn[] = {
#include "stand_in_bytes.inc"
};
constexpr const char* kStandInName = "stand-in";

// Where programs lie, whatever PATH says: a tool chooses its own PATH.
constexpr std::array<std::string_view, 6> kProgramDirectories = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                                 "/usr/bin",        "/sbin",          "/bin"};

std::vector<std::string> program_directories(std::string_view search_path) {
  std::vector<std::string> directories;
  const auto add = [&](std::string_view directory) {
    const bool known = std::find(directories.begin(), directories.end(), directory) != directories.end();
    if (directory.starts_with('/') && !known) directories.emplace_back(directory);
  };
  while (!search_path.empty()) {
    const std::size_t colon = std::min(search_path.find(':'), search_path.size());
    add(search_path.substr(0, colon));
    search_path.remove_prefix(std::min(colon + 1, search_path.size()));
  }
  for (const std::string_view directory : kProgramDirectories) add(directory);
  return directories;
}

// A file system of its own, so that the stand-in's file is never removed: the name in /proc/PID/exe stays clean.
Result<UniqueFd> make_stand_in() {
  WRIT_ASSIGN(UniqueFd home, make_detached_mount("tmpfs", {{"mode", "0755"}, {"size", "64k"}, {"nr_inodes", "4"}},
                                                 abi::kMountNoSuid | abi::kMountNoDevices));
  const UniqueFd file(::openat(home.get(), kStandInName, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555));
  if (!file.valid()) return fail_errno(errno, "cannot make the stand-in for ruled programs");
  if (::write(file.get(), kStandIn, sizeof kStandIn) != static_cast<ssize_t>(sizeof kStandIn))
    return fail_errno(errno, "cannot write the stand-in for ruled programs");
  return home;
}

// Programs are objects: several names, and several rules that call it differently, are one.
struct RuledObject {
  FoundProgram program;
  std::vector<std::size_t> rules;   // indices into the profile's
  std::vector<std::string> launch;  // for each of them
};

class CommandPlacer {
 public:
  CommandPlacer(ViewMounts& mounts, const Profile& profile, const CommandView& view)
      : mounts_(mounts), profile_(profile), view_(view), directories_(program_directories(view.search_path)) {}

  Result<std::vector<RuledProgram>> place() {
    if (!view_.exempt.empty()) {
      WRIT_ASSIGN(exempt_, find_program_along(mounts_.root(), view_.exempt, directories_));
    }
    for (std::size_t i = 0; i < profile_.commands.size(); ++i) WRIT_TRY(collect(i));
    std::vector<RuledProgram> ruled;
    if (objects_.empty()) return ruled;
    WRIT_ASSIGN(stand_in_, make_stand_in());
    for (const RuledObject& object : objects_) {
      WRIT_ASSIGN(RuledProgram program, replace(object));
      ruled.push_back(std::move(program));
    }
    return ruled;
  }

 private:
  [[nodiscard]] bool is_exempt(const FoundProgram& program) const {
    // What a name means is what is found first.
    return !exempt_.empty() && exempt_.front().device == program.device && exempt_.front().inode == program.inode;
  }

  RuledObject& object_of(FoundProgram program) {
    for (RuledObject& object : objects_)
      if (object.program.device == program.device && object.program.inode == program.inode) return object;
    objects_.push_back({std::move(program), {}, {}});
    return objects_.back();
  }

  // A name can be found in several directories: as several objects, each of which the rule is about, or as one through
  // links (/bin, /usr/bin), which counts once and is started under the first name.
  Status collect(std::size_t index) {
    const std::string& named = profile_.commands[index].program;
    WRIT_ASSIGN(std::vector<FoundProgram> found, find_program_along(mounts_.root(), named, directories_));
    for (FoundProgram& program : found) {
      if (is_exempt(program)) continue;
      std::string launch = program.found_at;
      RuledObject& object = object_of(std::move(program));
      if (!object.rules.empty() && object.rules.back() == index) continue;
      object.rules.push_back(index);
      object.launch.push_back(std::move(launch));
    }
    return {};
  }

  // All names are found before the first is covered: a covered one shows the stand-in.
  Result<RuledProgram> replace(const RuledObject& object) {
    RuledProgram ruled;
    NameSearch search{mounts_.root(), directories_, {}};
    for (const PathGrant& grant : profile_.filesystem.grants) search.trees.push_back(grant.path);
    WRIT_ASSIGN(ruled.names, find_program_names(search, object.program));
    for (const std::string& name : ruled.names) {
      WRIT_ASSIGN(UniqueFd mount, clone_mount_tree(stand_in_.get(), kStandInName));
      WRIT_TRY(restrict_mount(mount.get(), abi::kMountReadOnly | abi::kMountNoSuid | abi::kMountNoDevices));
      WRIT_TRY(mounts_.attach(name, std::move(mount)));
    }
    for (const std::size_t index : object.rules) {
      ruled.texts.push_back(profile_.commands[index].text());
      ruled.rules.push_back(profile_.commands[index]);
      ruled.rules.back().program = ruled.names.front();
    }
    ruled.launch = object.launch;
    WRIT_TRY(require_covered(object));
    return ruled;
  }

  // What the person's name leads to now must be the stand-in.
  [[nodiscard]] Status require_covered(const RuledObject& object) const {
    for (const std::string& launch : object.launch) {
      WRIT_ASSIGN(const auto found, find_program_along(mounts_.root(), launch, directories_));
      for (const FoundProgram& program : found)
        if (program.device == object.program.device && program.inode == object.program.inode)
          return fail("cannot put " + quote_bytes(launch) + " under its rule: it is still in the view");
    }
    return {};
  }

  ViewMounts& mounts_;
  const Profile& profile_;
  const CommandView& view_;
  std::vector<std::string> directories_;
  std::vector<FoundProgram> exempt_;
  std::vector<RuledObject> objects_;
  UniqueFd stand_in_;
};

}  // namespace

Result<std::vector<RuledProgram>> place_commands(ViewMounts& mounts, const Profile& profile, const CommandView& view) {
  if (profile.commands.empty()) return std::vector<RuledProgram>();
  return CommandPlacer(mounts, profile, view).place();
}

}  // namespace writ
