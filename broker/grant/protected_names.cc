#include "broker/grant/protected_names.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/base/escape.h"
#include "broker/grant/directory_listing.h"

namespace writ {
namespace {

constexpr nlink_t kSingleLink = 1;

bool is_beneath(const std::string& name, const std::string& directory) {
  return name.size() > directory.size() && name.starts_with(directory) && name[directory.size()] == '/';
}

bool holds_name(const std::vector<ProtectedMount>& mounts, const std::string& name) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const ProtectedMount& mount) { return mount.name == name; });
}

bool covered_by_directory(const std::vector<ProtectedMount>& mounts, const std::string& name) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const ProtectedMount& mount) {
    return mount.kind == EntryKind::kDirectory && is_beneath(name, mount.name);
  });
}

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

void add_mount(std::vector<ProtectedMount>& mounts, const std::string& name, HeldEntry entry) {
  if (holds_name(mounts, name)) return;
  mounts.push_back(ProtectedMount{name, entry.state.kind, std::move(entry.object)});
}

Result<UniqueFd> duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return fail_errno(errno, "cannot hold a directory of a writable tree");
  return copy;
}

class InventoryBuilder {
 public:
  explicit InventoryBuilder(int root_fd) : listing_(DirectoryListing::read(root_fd)) {}
  Status add(int root_fd, const std::string& relative_name);
  ProtectedInventory finish();

 private:
  Status walk(int root_fd, const std::vector<std::string>& components, InspectedName& inspected);
  void settle(const std::string& reached, HeldEntry entry);
  void warn_about_hard_links(const std::string& name, const EntryState& state);

  DirectoryListing listing_;  // of the root: most names are absent there already
  ProtectedInventory inventory_;
};

// What stops the walk is either the name itself or something on the way that is no directory. Both need the same care:
// replacing the file `.git` of a worktree by a directory would give `.git/hooks` a meaning.
void InventoryBuilder::settle(const std::string& reached, HeldEntry entry) {
  if (entry.state.kind == EntryKind::kLink) {
    add_once(inventory_.unprotectable_links, reached);
    add_once(inventory_.warnings, quote_bytes(reached) + " is a symbolic link to " +
                                      quote_bytes(entry.state.link_text) +
                                      " and cannot be made read-only; a replaced link is put back and reported");
    return;
  }
  warn_about_hard_links(reached, entry.state);
  add_mount(inventory_.mounts_to_protect, reached, std::move(entry));
}

void InventoryBuilder::warn_about_hard_links(const std::string& name, const EntryState& state) {
  if (state.kind != EntryKind::kFile || state.links <= kSingleLink) return;
  add_once(inventory_.warnings, quote_bytes(name) + " has " + std::to_string(state.links) +
                                    " hard links; it can be changed through another of its names");
}

Status InventoryBuilder::add(int root_fd, const std::string& relative_name) {
  WRIT_ASSIGN(const std::vector<std::string> components, split_relative_name(relative_name));
  InspectedName inspected;
  inspected.reached_state.kind = EntryKind::kDirectory;
  for (const std::string& component : components) inspected.name += (inspected.name.empty() ? "" : "/") + component;
  if (listing_.may_hold(components.front())) WRIT_TRY(walk(root_fd, components, inspected));
  if (inspected.state.kind == EntryKind::kAbsent) add_once(inventory_.absent, inspected.name);
  inventory_.names.push_back(std::move(inspected));
  return {};
}

Status InventoryBuilder::walk(int root_fd, const std::vector<std::string>& components, InspectedName& inspected) {
  WRIT_ASSIGN(UniqueFd parent, duplicate(root_fd));
  for (const std::string& component : components) {
    WRIT_ASSIGN(HeldEntry entry, open_entry(parent.get(), component));
    if (entry.state.kind == EntryKind::kAbsent) return {};
    inspected.reached += (inspected.reached.empty() ? "" : "/") + component;
    inspected.reached_state = entry.state;
    const bool last = &component == &components.back();
    if (last) inspected.state = entry.state;
    if (last || entry.state.kind != EntryKind::kDirectory) {
      settle(inspected.reached, std::move(entry));
      return {};
    }
    WRIT_ASSIGN(parent, duplicate(entry.object.get()));
    add_mount(inventory_.ancestors_to_pin, inspected.reached, std::move(entry));
  }
  return {};
}

// A read-only directory covers everything beneath it: no second mount, no pin and no watch is needed there.
ProtectedInventory InventoryBuilder::finish() {
  std::vector<ProtectedMount>& mounts = inventory_.mounts_to_protect;
  std::vector<std::string> covered;
  for (const ProtectedMount& mount : mounts) {
    if (covered_by_directory(mounts, mount.name)) covered.push_back(mount.name);
  }
  std::erase_if(mounts, [&](const ProtectedMount& mount) {
    return std::find(covered.begin(), covered.end(), mount.name) != covered.end();
  });
  std::erase_if(inventory_.ancestors_to_pin, [&](const ProtectedMount& pin) {
    return holds_name(mounts, pin.name) || covered_by_directory(mounts, pin.name);
  });
  const auto is_covered = [&](const std::string& name) { return covered_by_directory(mounts, name); };
  std::erase_if(inventory_.absent, is_covered);
  std::erase_if(inventory_.unprotectable_links, is_covered);
  const auto by_name = [](const ProtectedMount& left, const ProtectedMount& right) { return left.name < right.name; };
  // A parent's name is a prefix of its child's, so this order puts parents first.
  std::sort(inventory_.ancestors_to_pin.begin(), inventory_.ancestors_to_pin.end(), by_name);
  std::sort(mounts.begin(), mounts.end(), by_name);
  return std::move(inventory_);
}

}  // namespace

Result<ProtectedInventory> inspect_protected_names(int tree_root_fd, std::span<const std::string> relative_names) {
  InventoryBuilder builder(tree_root_fd);
  for (const std::string& name : relative_names) {
    WRIT_TRY(builder.add(tree_root_fd, name));
  }
  return builder.finish();
}

}  // namespace writ
