#include "broker/sandbox/template_areas.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr std::size_t kPathSize = 4096;

long set_option(long context, const char* key, const char* value) {
  return raw_syscall(SYS_fsconfig, context, abi::kFsconfigSetString, key, value, 0);
}

// A tmpfs that nobody sees yet.
long make_file_system(const PlanFileSystem& plan, const char* bytes, const char* mode, std::uint64_t attributes) {
  const long context = raw_syscall(SYS_fsopen, "tmpfs", abi::kFsopenCloexec);
  if (context < 0) return context;
  long result = set_option(context, "mode", mode);
  if (result >= 0) result = set_option(context, "size", bytes + plan.size.offset);
  if (result >= 0) result = set_option(context, "nr_inodes", bytes + plan.inodes.offset);
  if (result >= 0) result = raw_syscall(SYS_fsconfig, context, abi::kFsconfigCreate, nullptr, nullptr, 0);
  if (result >= 0) result = raw_syscall(SYS_fsmount, context, abi::kFsmountCloexec, attributes);
  raw_syscall(SYS_close, context);
  return result;
}

std::uint64_t attributes_of(const PlanArea& area) {
  const std::uint64_t least = abi::kMountNoSuid | abi::kMountNoDevices;
  return area.execution == AreaExecution::kDenied ? least | abi::kMountNoExecute : least;
}

long attach(long mount, const char* path) {
  return raw_syscall(SYS_move_mount, mount, "", AT_FDCWD, path, abi::kMoveMountFromEmptyPath);
}

// What is there already is either the read-only template's, or was made by us in an area, where nobody else has been.
long made(long result) { return result == -EEXIST || result == -EROFS ? 0 : result; }

long make_directories_above(const char* path) {
  std::array<char, kPathSize> part{};
  for (std::size_t i = 0; path[i] != '\0'; ++i) {
    if (i + 1 >= part.size()) return -ENAMETOOLONG;
    if (path[i] == '/' && i > 0) {
      const long result = made(raw_syscall(SYS_mkdirat, AT_FDCWD, part.data(), 0755));
      if (result < 0) return result;
    }
    part[i] = path[i];
  }
  return 0;
}

class AreaMaker {
 public:
  AreaMaker(const TemplatePlan& plan, const char* bytes) : plan_(plan), bytes_(bytes) {}

  long make() {
    long result = hold_entries();
    if (result >= 0) result = make_scratch();
    for (std::uint32_t i = 0; i < plan_.area_count && result >= 0; ++i) result = attach_area(i);
    for (std::uint32_t i = 0; i < plan_.entry_count && result >= 0; ++i) result = restore_entry(i);
    return result;
  }

 private:
  const char* text(PlanRange range) const { return bytes_ + range.offset; }

  // Copies of what is about to be covered.
  long hold_entries() {
    for (std::uint32_t i = 0; i < plan_.entry_count; ++i) {
      if (plan_.entries[i].kind == AreaEntryKind::kLink) continue;
      entries_[i] = raw_syscall(SYS_open_tree, AT_FDCWD, text(plan_.entries[i].path),
                                abi::kOpenTreeClone | abi::kOpenTreeCloexec | abi::kAtRecursive | AT_SYMLINK_NOFOLLOW);
      if (entries_[i] < 0) return entries_[i];
    }
    return 0;
  }

  // One file system for all but /dev/shm: each is a directory in it, named by a digit. It lies beneath the first of
  // them, because before kernel 6.15 what is attached nowhere cannot be cloned (open_tree(2): EINVAL).
  long make_scratch() {
    long file_system = -1;
    for (std::uint32_t i = 0; i < plan_.area_count; ++i) {
      const PlanArea& area = plan_.areas[i];
      if (area.file_system == AreaFileSystem::kSharedMemory) continue;
      if (file_system < 0) {
        file_system = make_file_system(plan_.scratch, bytes_, "0755", abi::kMountNoSuid | abi::kMountNoDevices);
        if (file_system < 0) return file_system;
        if (const long attached = attach(file_system, text(area.path)); attached < 0) return attached;
      }
      areas_[i] = make_scratch_directory(file_system, i);
      if (areas_[i] < 0) return areas_[i];
    }
    if (file_system >= 0) raw_syscall(SYS_close, file_system);
    return 0;
  }

  long make_scratch_directory(long file_system, std::uint32_t index) const {
    const PlanArea& area = plan_.areas[index];
    const std::array<char, 2> name{static_cast<char>('0' + index), '\0'};
    long result = raw_syscall(SYS_mkdirat, file_system, name.data(), 0700);
    if (result >= 0) result = raw_syscall(SYS_fchmodat, file_system, name.data(), area.mode);
    if (result < 0) return result;
    const long mount =
        raw_syscall(SYS_open_tree, file_system, name.data(), abi::kOpenTreeClone | abi::kOpenTreeCloexec);
    if (mount < 0 || area.execution == AreaExecution::kAllowed) return mount;
    const abi::MountAttributes attributes{attributes_of(area), 0, 0, 0};
    result = raw_syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
    return result < 0 ? result : mount;
  }

  long attach_area(std::uint32_t index) {
    const PlanArea& area = plan_.areas[index];
    const char* path = text(area.path);
    if (area.file_system == AreaFileSystem::kSharedMemory)
      areas_[index] = make_file_system(plan_.shared_memory, bytes_, "1777", attributes_of(area));
    if (areas_[index] < 0) return areas_[index];
    long result = make_directories_above(path);
    if (result >= 0) result = made(raw_syscall(SYS_mkdirat, AT_FDCWD, path, 0755));
    if (result >= 0) result = attach(areas_[index], path);
    raw_syscall(SYS_close, areas_[index]);
    return result;
  }

  long restore_entry(std::uint32_t index) {
    const PlanAreaEntry& entry = plan_.entries[index];
    const char* path = text(entry.path);
    long result = make_directories_above(path);
    if (result < 0) return result;
    if (entry.kind == AreaEntryKind::kLink) return made(raw_syscall(SYS_symlinkat, text(entry.link), AT_FDCWD, path));
    result =
        made(entry.kind == AreaEntryKind::kDirectory ? raw_syscall(SYS_mkdirat, AT_FDCWD, path, 0755)
                                                     : raw_syscall(SYS_mknodat, AT_FDCWD, path, S_IFREG | 0644, 0));
    if (result >= 0) result = attach(entries_[index], path);
    raw_syscall(SYS_close, entries_[index]);
    return result;
  }

  const TemplatePlan& plan_;
  const char* bytes_;
  std::array<long, kTemplateAreaLimit> areas_{};
  std::array<long, kTemplateEntryLimit> entries_{};
};

}  // namespace

long make_template_areas(const TemplatePlan& plan, const char* bytes) { return AreaMaker(plan, bytes).make(); }

}  // namespace writ
