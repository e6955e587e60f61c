// ViewMounts: the mechanics of putting a view together: directories that become mount points, mounts attached to them
// in order, and the two ways of ending up with one detached tree. Knows nothing of profiles.
#ifndef WRIT_BROKER_SANDBOX_VIEW_MOUNTS_H_
#define WRIT_BROKER_SANDBOX_VIEW_MOUNTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/grant/tree_grant.h"

namespace writ {

// A private tmpfs (or a directory of one) that stands at a place of the view, writable for us while we build.
struct PrivateArea {
  std::string at;  // view path without the leading slash, "" for the root
  UniqueFd directory;
};

// Something that is to appear below a mask: where (relative to the mask), and as what.
struct MaskPlace {
  std::string path;
  TreeKind kind;
  std::string link;  // not empty: a symbolic link to this
};

// What stands in the place of something that is not shown.
enum class CoverKind : std::uint8_t {
  kEmpty,      // can be read and has nothing in it
  kForbidden,  // cannot be opened: EACCES says that a rule denies it
};
inline constexpr std::size_t kCoverKindCount = 2;

class ViewMounts {
 public:
  // Starts with an empty root: a tmpfs limited to `root_size` bytes.
  [[nodiscard]] static Result<ViewMounts> create();

  // Makes the directories above the view path `path` (absolute), and at `path` itself a directory or an empty file to
  // mount on, where they lie in the root or in a private area. Where `path` lies in an attached tree, nothing is made:
  // the place must exist there.
  [[nodiscard]] Status make_place(const std::string& path, TreeKind kind);

  // Makes a file with `content` in the root or a private area; the root becomes read-only in the end.
  [[nodiscard]] Status make_file(const std::string& path, std::string_view content);

  // Makes a symbolic link in the root or a private area.
  [[nodiscard]] Status make_link(const std::string& path, const std::string& target);

  // Attaches the borrowed `mount` at `path`; the place must exist. No component of the path is followed through a
  // symbolic link.
  [[nodiscard]] Status attach(const std::string& path, int mount);

  // Tells that from now on everything below `path` lies in `directory` (a private area that was attached there).
  void add_area(const std::string& path, UniqueFd directory);

  // Tells that from now on everything below `path` lies in a granted tree.
  void add_tree(const std::string& path) { trees_.push_back(path); }

  // A detached, read-only clone of a synthetic file, whose original vanishes in finish(), of an empty one or of an
  // empty directory. The last two need a /proc in the view.
  [[nodiscard]] Result<UniqueFd> make_synthetic_file(std::string_view content);
  [[nodiscard]] Result<UniqueFd> make_empty_file(CoverKind kind);
  [[nodiscard]] Result<UniqueFd> make_empty_directory(CoverKind kind);

  // A detached, read-only directory with nothing in it but `places`. All of them are made beforehand, because a mount
  // that is attached in a detached tree cannot be made read-only any more (mount_setattr(2): EINVAL).
  [[nodiscard]] static Result<UniqueFd> make_mask(const std::vector<MaskPlace>& places);

  [[nodiscard]] int root() const { return root_.get(); }

  // Ends the assembly: the root becomes read-only and is returned as a detached tree.
  [[nodiscard]] Result<UniqueFd> finish();

  // Attaches the root in the current mount namespace, so that attaching works before kernel 6.15.
  [[nodiscard]] Status attach_root_for_assembly();

  // Makes it possible to clone parts of the detached `mount` (borrowed) until finish(): before kernel 6.15 it has to be
  // attached for that as well. Nothing to do where the root is not attached.
  [[nodiscard]] Status hold_for_cloning(int mount);

 private:
  explicit ViewMounts(UniqueFd root) : root_(std::move(root)) {}
  struct Place {
    int directory;         // borrowed: root or area
    std::string relative;  // below it
    bool in_tree;
  };
  enum class MadeOriginal : std::uint8_t { kNo, kYes };
  struct HeldParent {
    int directory = -1;  // borrowed: root or area
    std::string path;    // below it
    UniqueFd held;
  };
  // A place of the root that was made a moment ago: there is certainly no link at it.
  struct NewPlace {
    std::string path;
    int parent = -1;  // borrowed: the root, or what last_parent_ holds
    std::string name;
  };
  [[nodiscard]] Place locate(const std::string& path) const;
  [[nodiscard]] Result<int> open_parent(int directory, const std::string& parent);
  void forget_parent_beneath(const std::string& path);
  [[nodiscard]] Result<UniqueFd> clone_original(const std::string& name);
  void remove_synthetic_files();
  [[nodiscard]] Status release_held_mount();

  UniqueFd root_;
  std::vector<PrivateArea> areas_;
  std::vector<std::string> trees_;
  HeldParent last_parent_;
  NewPlace new_place_;
  int synthetic_files_ = 0;
  std::array<MadeOriginal, kCoverKindCount> empty_files_{};
  std::array<MadeOriginal, kCoverKindCount> empty_directories_{};
  bool attached_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_MOUNTS_H_
