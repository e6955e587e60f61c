#include "broker/sandbox/view.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/grant/git_directories.h"
#include "broker/grant/protected_names.h"
#include "broker/grant/tree_grant.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_tree.h"
#include "broker/sandbox/host_path.h"
#include "broker/sandbox/secret_places.h"
#include "broker/sandbox/system_paths.h"
#include "broker/sandbox/view_accounts.h"
#include "broker/sandbox/view_areas.h"
#include "broker/sandbox/view_denials.h"
#include "broker/sandbox/view_devices.h"
#include "broker/sandbox/view_mounts.h"
#include "broker/sandbox/view_questions.h"
#include "broker/sandbox/view_writing.h"

namespace writ {
namespace {

enum class Denied : std::uint8_t { kNo, kWholly };

// A grant after it was opened: where it appears, and what it really is.
struct OpenedGrant {
  const PathGrant* grant;
  OpenedTree tree;
  std::string real_path;  // canonical path on the host
  std::string link;       // not empty: appears as this symbolic link, because its target is granted anyway
  PathAccess access = PathAccess::kRead;  // what the deny rules leave of the grant's own
  Execution execution = Execution::kAllowed;
  Denied denied = Denied::kNo;
};

// One thing to put into the view, in the order of its path.
struct Placement {
  std::string path;
  OpenedGrant* grant = nullptr;  // null: hide what is there
  TreeKind kind = TreeKind::kDirectory;
  CoverKind cover = CoverKind::kEmpty;
};

MountOptions scratch_options(const char* mode, std::uint64_t size) {
  return {{"mode", mode}, {"size", std::to_string(size)}, {"nr_inodes", std::to_string(area_inodes(size))}};
}

class ViewBuilder {
 public:
  ViewBuilder(const Profile& profile, ViewOptions options) : profile_(profile), options_(std::move(options)) {}

  Result<View> build();

 private:
  Status start_assembly();
  Status open_grants();
  Status note_link(OpenedGrant& opened);
  Status recognise_workspace(const std::string& path, int object) const;
  Status collect_placements();
  Status hide_in_grants(const std::string& hidden);
  bool out_of_reach(const std::string& path, const struct stat& status) const;
  Status place_what_is_not_granted();
  Status place_areas();
  Status place_shared_memory();
  Status place_scratch(const std::string& path, const std::string& name, std::uint32_t mode, int scratch);
  Status leave_out(const std::string& path, std::uint32_t mode, bool shared_memory = false);
  void note_area_entries();
  Status place_all();
  Status place_grant(OpenedGrant& opened);
  Status place_hidden(const Placement& placement);
  Status place_questions();
  std::vector<DenialTree> denial_trees() const;
  Execution execution_of(const PathGrant& grant) const;
  Status take_denied_from_grants();
  void place_denial(const OpenedGrant& opened, const Denial& denial);
  bool is_mediated_here(const OpenedGrant& opened) const;
  Status forbid_execution(const OpenedGrant& opened, Writing writing);
  Status protect_grant(const OpenedGrant& opened);
  Status protect_mounts(const OpenedGrant& opened, const std::vector<ProtectedMount>& mounts, PathAccess access);
  bool granted_below(const std::string& path) const;
  bool home_is_private() const;
  int ownership_namespace(const OpenedGrant& opened) const;
  std::size_t tree_of(const OpenedGrant& opened) const { return static_cast<std::size_t>(&opened - grants_.data()); }
  void note(const std::string& path, std::string kind) { view_.entries.push_back({path, std::move(kind)}); }

  const Profile& profile_;
  ViewOptions options_;
  View view_;
  std::vector<OpenedGrant> grants_;
  DenialPlan denials_;  // its trees are grants_
  std::vector<Placement> placements_;
  std::optional<ViewMounts> mounts_;
};

Status ViewBuilder::start_assembly() {
  WRIT_ASSIGN(ViewMounts mounts, ViewMounts::create());
  mounts_.emplace(std::move(mounts));
  if (options_.assembly == ViewAssembly::kAttached) WRIT_TRY(mounts_->attach_root_for_assembly());
  return {};
}

// A grant that is a link into another grant (/bin → usr/bin) stays a link.
Status ViewBuilder::note_link(OpenedGrant& opened) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(opened.grant->path.c_str(), target.data(), target.size());
  if (length <= 0) return {};
  for (const PathGrant& other : profile_.filesystem.grants)
    if (&other != opened.grant && path_lies_in(opened.real_path, other.path) && other.path != opened.grant->path)
      opened.link.assign(target.data(), static_cast<std::size_t>(length));
  return {};
}

// The workspace was decided on as a directory, not as a name: another run in it may have put a link in its place since.
Status ViewBuilder::recognise_workspace(const std::string& path, int object) const {
  if (path != options_.workspace.path) return {};
  struct stat status {};
  if (::fstat(object, &status) != 0) return fail_errno(errno, "cannot inspect the workspace " + quote_bytes(path));
  if (status.st_dev == options_.workspace.device && status.st_ino == options_.workspace.inode) return {};
  return fail("the workspace " + quote_bytes(path) + " was replaced while the launch was prepared",
              "something else changes the directory above it; run again");
}

Status ViewBuilder::open_grants() {
  for (const PathGrant& grant : profile_.filesystem.grants) {
    auto tree = open_host_tree(grant.host_path());
    if (!tree) {
      const int reason = tree.error().system_errno;
      if (grant.presence == Presence::kOptional && (reason == ENOENT || reason == ENOTDIR || reason == EACCES))
        continue;
      return tl::unexpected<Error>(std::move(tree.error()));
    }
    if (grant.scope == PathScope::kExact && tree->kind == TreeKind::kDirectory)
      return fail("the rule for " + quote_bytes(grant.path) + " names one object, and that is a directory",
                  "write " + quote_bytes(grant.path + "/*") + " for the whole tree");
    OpenedGrant opened{&grant, std::move(*tree), {}, {}, grant.access, execution_of(grant)};
    WRIT_TRY(recognise_workspace(grant.path, opened.tree.object.get()));
    // What is held is what counts; its canonical path only serves to find secrets in it.
    const bool followed = opened.tree.links == LinksFollowed::kSome;
    opened.real_path = followed ? opened.tree.real_path : grant.host_path();
    if (opened.real_path.empty()) opened.real_path = path_of_descriptor(opened.tree.object.get());
    if (opened.real_path.empty()) return fail("cannot find the real path of the grant " + quote_bytes(grant.path));
    WRIT_TRY(refuse_kernel_trees(grant.path, grant.access, opened.real_path));
    if (opened.real_path == "/") return fail("cannot grant " + quote_bytes(grant.path) + ": it is the whole host");
    if (grant.source.empty() && opened.real_path != grant.path) WRIT_TRY(note_link(opened));
    grants_.push_back(std::move(opened));
  }
  return {};
}

Execution ViewBuilder::execution_of(const PathGrant& grant) const {
  const bool denied =
      grant.execution == Execution::kDenied ||
      (grant.access == PathAccess::kWrite && profile_.filesystem.writable_execution == Execution::kDenied);
  return denied ? Execution::kDenied : Execution::kAllowed;
}

std::vector<DenialTree> ViewBuilder::denial_trees() const {
  std::vector<DenialTree> trees;
  trees.reserve(grants_.size());
  for (const OpenedGrant& opened : grants_)
    trees.push_back({opened.grant->path, opened.real_path, opened.tree.object.get(), opened.access, opened.tree.kind});
  return trees;
}

// Deny rules are stronger than every grant: what is denied as a whole leaves the view, or keeps what is left of it.
Status ViewBuilder::take_denied_from_grants() {
  WRIT_ASSIGN(denials_, plan_denials(profile_.filesystem, denial_trees()));
  view_.warnings.insert(view_.warnings.end(), denials_.warnings.begin(), denials_.warnings.end());
  for (const Denial& denial : denials_.denials) {
    OpenedGrant& opened = grants_[denial.tree];
    if (!denial.relative.empty()) continue;
    if (denial.rights.has(Right::kRead)) opened.denied = Denied::kWholly;
    if (denial.rights.has(Right::kWrite)) opened.access = PathAccess::kRead;
    if (denial.rights.has(Right::kExecute)) opened.execution = Execution::kDenied;
  }
  return {};
}

bool ViewBuilder::granted_below(const std::string& path) const {
  return std::any_of(grants_.begin(), grants_.end(),
                     [&](const OpenedGrant& g) { return g.grant->path != path && path_lies_in(g.grant->path, path); });
}

// True when the host's own permissions keep the tool away from `path` whatever the view shows (/etc/shadow): its
// identity outside is then the broker's, an ordinary user's. A mask on top would only make every launch slower.
bool ViewBuilder::out_of_reach(const std::string& path, const struct stat& status) const {
  if (::geteuid() == 0 || status.st_uid == ::geteuid()) return false;
  return ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0 &&
         ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0 &&
         ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0;
}

// Finds every place where the hidden host path would appear, through whatever alias it was granted.
Status ViewBuilder::hide_in_grants(const std::string& hidden) {
  std::string real;
  const UniqueFd object = open_and_resolve(hidden, real);
  if (!object.valid()) return {};  // absent, or out of our own reach and so out of the tool's
  struct stat status {};
  if (::fstat(object.get(), &status) != 0) return fail_errno(errno, "cannot inspect " + quote_bytes(hidden));
  if (out_of_reach(hidden, status)) return {};
  for (const OpenedGrant& opened : grants_) {
    if (!opened.link.empty() || !path_lies_in(real, opened.real_path)) continue;
    const std::string at = opened.grant->path + real.substr(opened.real_path.size());
    if (real == opened.real_path) {
      if (opened.grant->path == hidden || opened.grant->path == real) continue;  // named exactly
      return fail("the grant " + quote_bytes(opened.grant->path) + " leads to the secret " + quote_bytes(hidden),
                  "name " + quote_bytes(hidden) + " itself if the tool shall have it");
    }
    // Only the deepest grant decides: a secret below a tree that lies below another grant is hidden once.
    const bool named =
        std::any_of(grants_.begin(), grants_.end(), [&](const OpenedGrant& g) { return g.grant->path == at; });
    const bool known =
        std::any_of(placements_.begin(), placements_.end(), [&](const Placement& p) { return p.path == at; });
    if (!named && !known)
      placements_.push_back({at, nullptr, S_ISDIR(status.st_mode) ? TreeKind::kDirectory : TreeKind::kFile});
  }
  return {};
}

Status ViewBuilder::collect_placements() {
  for (OpenedGrant& opened : grants_)
    if (opened.denied == Denied::kNo) placements_.push_back({opened.grant->path, &opened, opened.tree.kind});
  for (const Denial& denial : denials_.denials) place_denial(grants_[denial.tree], denial);
  WRIT_TRY(place_questions());
  const SecretPlaces places(options_.home);
  for (const std::string& hidden : profile_.filesystem.hide)
    if (places.may_hold(hidden)) WRIT_TRY(hide_in_grants(hidden));
  std::stable_sort(placements_.begin(), placements_.end(),
                   [](const Placement& a, const Placement& b) { return a.path < b.path; });
  return {};
}

// What may be asked about is covered until somebody has answered.
Status ViewBuilder::place_questions() {
  WRIT_ASSIGN(view_.asked, plan_questions(profile_.filesystem, denial_trees(), options_.ownership_namespace));
  for (const AskedTree& asked : view_.asked) {
    const bool covered =
        std::any_of(placements_.begin(), placements_.end(), [&](const Placement& p) { return p.path == asked.path; });
    if (!covered) placements_.push_back({asked.path, nullptr, asked.kind, CoverKind::kForbidden});
  }
  return {};
}

// The real home is full of authority; unless the person granted it, the tool gets an empty one of its own.
bool ViewBuilder::home_is_private() const {
  if (options_.home.empty() || options_.home == "/") return false;
  for (const std::string_view taken : {"/dev", "/proc", "/sys"})
    if (path_lies_in(options_.home, taken) && !path_lies_in(options_.home, "/dev/shm")) return false;
  return std::none_of(grants_.begin(), grants_.end(),
                      [&](const OpenedGrant& g) { return path_lies_in(options_.home, g.grant->path); });
}

Status ViewBuilder::leave_out(const std::string& path, std::uint32_t mode, bool shared_memory) {
  note(path, "private");
  view_.areas.push_back({path, mode, shared_memory});
  return mounts_->make_place(path, TreeKind::kDirectory);
}

Status ViewBuilder::place_scratch(const std::string& path, const std::string& name, std::uint32_t mode, int scratch) {
  if (options_.areas == PrivateAreas::kLeftOut) return leave_out(path, mode);
  if (::mkdirat(scratch, name.c_str(), 0700) != 0) return fail_errno(errno, "cannot make the private " + name);
  UniqueFd directory(::openat(scratch, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const IdentityMap& map = options_.identity.map;
  if (::fchmod(directory.get(), mode) != 0 || ::fchown(directory.get(), map.outside_uid, map.outside_gid) != 0)
    return fail_errno(errno, "cannot hand over the private " + name);
  std::uint64_t attributes = abi::kMountNoSuid | abi::kMountNoDevices;
  if (profile_.filesystem.scratch_execution == Execution::kDenied) attributes |= abi::kMountNoExecute;
  WRIT_ASSIGN(const UniqueFd mount, clone_restricted_tree(scratch, name, attributes));
  WRIT_TRY(mounts_->make_place(path, TreeKind::kDirectory));
  WRIT_TRY(mounts_->attach(path, mount.get()));
  mounts_->add_area(path, std::move(directory));
  note(path, "private");
  return {};
}

Status ViewBuilder::place_areas() {
  for (const char* directory : {"/proc", "/run", "/var", "/dev/pts"})
    WRIT_TRY(mounts_->make_place(directory, TreeKind::kDirectory));
  if (options_.areas == PrivateAreas::kMade) {
    WRIT_ASSIGN(view_.scratch, make_detached_mount("tmpfs", scratch_options("0755", profile_.limits.tmp_size),
                                                   abi::kMountNoSuid | abi::kMountNoDevices));
    WRIT_TRY(mounts_->hold_for_cloning(view_.scratch.get()));
  }
  WRIT_TRY(place_scratch("/tmp", "tmp", 01777, view_.scratch.get()));
  // One /tmp for both, unless something is to be mounted beneath /var/tmp: a mount point cannot lie behind a link.
  if (granted_below("/var/tmp") || path_lies_in(options_.home, "/var/tmp"))
    WRIT_TRY(place_scratch("/var/tmp", "var-tmp", 01777, view_.scratch.get()));
  else
    WRIT_TRY(mounts_->make_link("/var/tmp", "/tmp"));
  WRIT_TRY(place_shared_memory());
  if (home_is_private()) WRIT_TRY(place_scratch(options_.home, "home", 0700, view_.scratch.get()));
  return {};
}

Status ViewBuilder::place_shared_memory() {
  if (options_.areas == PrivateAreas::kLeftOut) return leave_out("/dev/shm", 01777, true);
  WRIT_ASSIGN(UniqueFd memory, make_detached_mount("tmpfs", scratch_options("1777", profile_.limits.shm_size),
                                                   abi::kMountNoSuid | abi::kMountNoDevices | abi::kMountNoExecute));
  WRIT_TRY(mounts_->make_place("/dev/shm", TreeKind::kDirectory));
  WRIT_TRY(mounts_->attach("/dev/shm", memory.get()));
  mounts_->add_area("/dev/shm", std::move(memory));
  note("/dev/shm", "private");
  return {};
}

// What is denied for reading is covered once everything above it is in place.
void ViewBuilder::place_denial(const OpenedGrant& opened, const Denial& denial) {
  if (denial.relative.empty() || !denial.rights.has(Right::kRead) || opened.denied == Denied::kWholly) return;
  if (!opened.link.empty()) return;  // the tree that the link leads to has the same denial
  placements_.push_back({opened.grant->path + "/" + denial.relative, nullptr, denial.kind, CoverKind::kForbidden});
}

// Before the protected names of the tree, whose mounts would otherwise lie under these. In a mediated tree a directory
// is one of its own; a file has no names in it, so the policy's word about that one file is enough.
Status ViewBuilder::forbid_execution(const OpenedGrant& opened, Writing writing) {
  for (const Denial& denial : denials_.denials) {
    if (&grants_[denial.tree] != &opened || denial.relative.empty() || denial.rights.has(Right::kRead)) continue;
    const std::string path = opened.grant->path + "/" + denial.relative;
    const PathAccess access = denial.rights.has(Right::kWrite) ? PathAccess::kRead : opened.access;
    TreeRestriction restriction{access, Execution::kDenied, ownership_namespace(opened)};
    if (writing == Writing::kMediated && access == PathAccess::kWrite && denial.kind == TreeKind::kDirectory) {
      WRIT_TRY(keep_writable({path, denial.object.get(), {}}, restriction, view_));
      restriction.access = PathAccess::kRead;
    }
    WRIT_ASSIGN(const UniqueFd mount, make_tree_grant(denial.object.get(), restriction));
    WRIT_TRY(mounts_->attach(path, mount.get()));
    note(path, "not executable");
  }
  return {};
}

int ViewBuilder::ownership_namespace(const OpenedGrant& opened) const {
  const bool translate = opened.tree.owner == 0 && !is_system_path(opened.real_path);
  return translate ? options_.ownership_namespace : -1;
}

Status ViewBuilder::protect_mounts(const OpenedGrant& opened, const std::vector<ProtectedMount>& mounts,
                                   PathAccess access) {
  for (const ProtectedMount& entry : mounts) {
    const Execution execution = denials_.execution_at(tree_of(opened), entry.name, opened.execution);
    WRIT_ASSIGN(const UniqueFd mount,
                make_tree_grant(entry.object.get(), {access, execution, ownership_namespace(opened)}));
    const std::string path = opened.grant->path + "/" + entry.name;
    Status attached = mounts_->attach(path, mount.get());
    if (!attached && attached.error().system_errno == ENOENT) {
      // Another run in the same workspace took it away in between; the guard sees the name as absent, or reports it.
      view_.warnings.push_back(quote_bytes(path) +
                               " vanished while the launch was prepared; it is watched, not mounted");
      continue;
    }
    WRIT_TRY(std::move(attached));
    note(path, access == PathAccess::kRead ? "protected" : "pinned");
  }
  return {};
}

Status ViewBuilder::protect_grant(const OpenedGrant& opened) {
  if (opened.access != PathAccess::kWrite || opened.tree.kind != TreeKind::kDirectory) return {};
  std::vector<std::string> names = with_git_directories(opened.tree.object.get(), profile_.filesystem.protect);
  const std::vector<std::string>& denied = denials_.unchangeable[tree_of(opened)];
  names.insert(names.end(), denied.begin(), denied.end());
  WRIT_ASSIGN(const ProtectedInventory inventory, inspect_protected_names(opened.tree.object.get(), names));
  WRIT_TRY(protect_mounts(opened, inventory.ancestors_to_pin, PathAccess::kWrite));
  WRIT_TRY(protect_mounts(opened, inventory.mounts_to_protect, PathAccess::kRead));
  view_.warnings.insert(view_.warnings.end(), inventory.warnings.begin(), inventory.warnings.end());
  UniqueFd root(::fcntl(opened.tree.object.get(), F_DUPFD_CLOEXEC, 3));
  if (!root.valid()) return fail_errno(errno, "cannot keep the workspace for watching it");
  view_.guarded.push_back({std::move(root), opened.grant->path, std::move(names), profile_.filesystem.report_changes});
  return {};
}

// As the profile says; and where a rule denies a name that is not there yet, because nothing else can refuse that.
bool ViewBuilder::is_mediated_here(const OpenedGrant& opened) const {
  if (options_.strongest_writing == Writing::kNative) return false;
  if (is_mediated(profile_.filesystem, opened.access, opened.tree.kind)) return true;
  return opened.access == PathAccess::kWrite && denials_.absent[tree_of(opened)] == AbsentNames::kSome;
}

Status ViewBuilder::place_grant(OpenedGrant& opened) {
  const std::string& path = opened.grant->path;
  if (!opened.link.empty()) {
    note(path, "link");
    return mounts_->make_link(path, opened.link);
  }
  const bool mediated = is_mediated_here(opened);
  const TreeRestriction restriction{mediated ? PathAccess::kRead : opened.access, opened.execution,
                                    ownership_namespace(opened)};
  auto mount = make_tree_grant(opened.tree.object.get(), restriction);
  if (!mount && ownership_namespace(opened) >= 0)
    mount.error().hint = "this file system cannot translate ownership; give " + quote_bytes(path) +
                         " to an ordinary user (chown), whose identity the tool then takes";
  if (!mount) return tl::unexpected<Error>(std::move(mount.error()));
  WRIT_TRY(mounts_->make_place(path, opened.tree.kind));
  WRIT_TRY(mounts_->attach(path, mount->get()));
  mounts_->add_tree(path);
  const char* written = mediated ? "mediated" : "write";
  note(path, opened.access == PathAccess::kWrite ? written : "read");
  if (!mediated) {
    WRIT_TRY(forbid_execution(opened, Writing::kNative));
    return protect_grant(opened);
  }
  WRIT_TRY(keep_writable({path, opened.tree.object.get(), denials_.unchangeable[tree_of(opened)]}, restriction, view_));
  WRIT_TRY(forbid_execution(opened, Writing::kMediated));
  return report_changes(profile_.filesystem, path, opened.tree.object.get(), view_);
}

Status ViewBuilder::place_hidden(const Placement& placement) {
  const bool asked = std::any_of(view_.asked.begin(), view_.asked.end(),
                                 [&](const AskedTree& tree) { return tree.path == placement.path; });
  const char* covered = placement.cover == CoverKind::kForbidden ? "denied" : "hidden";
  note(placement.path, asked ? "asked" : covered);
  if (asked) WRIT_TRY(mounts_->make_place(placement.path, placement.kind));  // where no tree has it
  if (placement.kind == TreeKind::kFile) {
    WRIT_ASSIGN(const UniqueFd empty, mounts_->make_empty_file(placement.cover));
    return mounts_->attach(placement.path, empty.get());
  }
  if (placement.cover == CoverKind::kForbidden || !granted_below(placement.path)) {
    WRIT_ASSIGN(const UniqueFd empty, mounts_->make_empty_directory(placement.cover));
    return mounts_->attach(placement.path, empty.get());
  }
  // Something below it was granted by name: the mask needs places to mount on.
  std::vector<MaskPlace> places;
  for (const OpenedGrant& opened : grants_)
    if (opened.grant->path != placement.path && path_lies_in(opened.grant->path, placement.path))
      places.push_back({opened.grant->path.substr(placement.path.size() + 1), opened.tree.kind, opened.link});
  WRIT_ASSIGN(const UniqueFd mask, ViewMounts::make_mask(places));
  WRIT_TRY(mounts_->attach(placement.path, mask.get()));
  mounts_->add_tree(placement.path);
  return {};
}

Status ViewBuilder::place_all() {
  for (const Placement& placement : placements_) {
    if (placement.grant != nullptr)
      WRIT_TRY(place_grant(*placement.grant));
    else
      WRIT_TRY(place_hidden(placement));
  }
  const bool has_etc =
      std::any_of(grants_.begin(), grants_.end(), [](const auto& g) { return g.grant->path == "/etc"; });
  if (has_etc) WRIT_TRY(place_accounts(*mounts_, options_));
  WRIT_ASSIGN(view_.commands, place_commands(*mounts_, profile_, options_.commands));
  for (const RuledProgram& program : view_.commands)
    for (const std::string& name : program.names) note(name, "command");
  return {};
}

void ViewBuilder::note_area_entries() {
  std::vector<AreaEntry> placed;
  for (const Placement& placement : placements_)
    placed.push_back(
        {placement.path, placement.kind, placement.grant == nullptr ? std::string() : placement.grant->link});
  settle_areas(view_, placed);
}

Status ViewBuilder::place_what_is_not_granted() {
  // The least: init's way to the tool's identity map.
  if (profile_.filesystem.areas == ViewAreas::kNone) return mounts_->make_place("/proc", TreeKind::kDirectory);
  WRIT_TRY(place_areas());
  WRIT_TRY(place_devices(*mounts_, options_.devpts));
  note("/dev", "device");
  return {};
}

Result<View> ViewBuilder::build() {
  WRIT_TRY(start_assembly());
  WRIT_TRY(open_grants());
  WRIT_TRY(take_denied_from_grants());
  WRIT_TRY(collect_placements());
  WRIT_TRY(place_what_is_not_granted());
  if (!options_.policy_notice.empty()) {
    WRIT_TRY(mounts_->make_file("/run/writ/policy.json", options_.policy_notice));
    note("/run/writ/policy.json", "notice");
  }
  WRIT_TRY(place_all());
  if (options_.areas == PrivateAreas::kLeftOut) note_area_entries();
  WRIT_ASSIGN(view_.root, mounts_->finish());
  return std::move(view_);
}

}  // namespace

Result<View> build_view(const Profile& profile, ViewOptions options) {
  const mode_t saved_umask = ::umask(0);  // the modes written here are meant as they are
  auto view = ViewBuilder(profile, std::move(options)).build();
  ::umask(saved_umask);
  return view;
}

}  // namespace writ
