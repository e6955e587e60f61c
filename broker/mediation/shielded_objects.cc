#include "broker/mediation/shielded_objects.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <memory>
#include <string_view>

#include "broker/mediation/place_walk.h"

namespace writ {
namespace {

constexpr int kDeepest = 16;          // directories inside each other
constexpr int kMostLookedAt = 20000;  // names; what lies beyond is not recognised (docs/mediation.md)

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

void ShieldedObjects::collect(const MediatedTrees& trees, const WriteShields& shields) {
  collected_ = true;
  for (const std::string& path : shields.paths()) {
    const MediatedTree* tree = trees.around(path);
    if (tree == nullptr) continue;
    const char* relative = path.c_str() + tree->path.size() + 1;
    const long opened = open_place(tree->writable.get(), relative, O_NOFOLLOW, RESOLVE_BENEATH);
    if (opened >= 0) add(UniqueFd(static_cast<int>(opened)), 0);
  }
}

void ShieldedObjects::add(UniqueFd object, int depth) {
  struct stat status {};
  if (++looked_at_ > kMostLookedAt || depth > kDeepest || ::fstat(object.get(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) add_entries(object.get(), depth + 1);
  if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) objects_.emplace(status.st_dev, status.st_ino);
}

void ShieldedObjects::add_entries(int directory, int depth) {
  const int readable = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseDirectory> list(readable < 0 ? nullptr : ::fdopendir(readable));
  while (const dirent* entry = list ? ::readdir(list.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const long opened = open_place(directory, entry->d_name, O_NOFOLLOW, RESOLVE_BENEATH);
    if (opened >= 0) add(UniqueFd(static_cast<int>(opened)), depth);
  }
}

}  // namespace writ
