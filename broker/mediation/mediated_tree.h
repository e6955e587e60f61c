// MediatedTrees: the trees that the tool sees read-only and that the broker alone can write: for each a detached,
// writable mount. And which places of the view lie in them.
//
// Ownership: owns the writable mounts; they end with it. Never hand out a directory of them: with one, the tool could
// open anything beneath. One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_MEDIATED_TREE_H_
#define WRIT_BROKER_MEDIATION_MEDIATED_TREE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "broker/base/unique_fd.h"
#include "broker/mediation/tool_lookup.h"
#include "broker/sandbox/view.h"

namespace writ {

class MediatedTrees {
 public:
  MediatedTrees() = default;
  // `entries`: everything that stands in the view, in any order; the deepest one that holds a path decides.
  MediatedTrees(std::vector<MediatedTree> trees, const std::vector<ViewEntry>& entries);

  // The tree in which the broker performs what concerns `path`; nullptr: the view decides about it.
  [[nodiscard]] const MediatedTree* holding(std::string_view path) const;

  // The deepest tree that `path` lies strictly beneath, whatever the view shows there.
  [[nodiscard]] const MediatedTree* around(std::string_view path) const;

  // True when the tool cannot make the absolute path of `tree` lead elsewhere: it may change nothing that lies on the
  // way.
  [[nodiscard]] bool has_fixed_way(const MediatedTree& tree) const { return fixed_.at(number_of(tree)); }

  // True when something of the view is mounted at `path`: moving or removing it is EBUSY, as for any mount point.
  [[nodiscard]] bool is_mount_point(std::string_view path) const;

  [[nodiscard]] std::vector<std::string> paths() const;
  // Places in which the view shows something else than the tree around them.
  [[nodiscard]] std::vector<std::string> covered_places() const;

  // The directory of `place` in the writable mount: the same directory that the tool sees, or an error: ESTALE when
  // something was moved meanwhile and the lookup has to be made anew, EACCES when the view hides what is there.
  [[nodiscard]] tl::expected<UniqueFd, int> directory(const MediatedTree& tree, const Place& place) const;
  // The same for the object itself (O_PATH, a link not followed).
  [[nodiscard]] tl::expected<UniqueFd, int> object(const MediatedTree& tree, const Place& place) const;

  // Opens the object with `flags`; what is opened is what the tool sees, or it is closed again.
  [[nodiscard]] tl::expected<UniqueFd, int> open(const MediatedTree& tree, const Place& place,
                                                 std::uint64_t flags) const;

  // True when the O_PATH descriptor lies in one of the writable mounts: the tool got it from here. `path` is set to
  // what the tool calls it.
  [[nodiscard]] const MediatedTree* holding_descriptor(int descriptor, std::string& path) const;

 private:
  struct Entry {
    std::string path;
    const MediatedTree* tree;  // nullptr: something else
    std::string kind;          // ViewEntry::kind
  };
  [[nodiscard]] std::size_t number_of(const MediatedTree& tree) const {
    return static_cast<std::size_t>(&tree - trees_.data());
  }
  [[nodiscard]] bool way_is_fixed(std::string_view path) const;

  std::vector<MediatedTree> trees_;
  std::vector<bool> fixed_;            // of each tree
  std::vector<std::uint64_t> mounts_;  // their mount ids
  std::vector<Entry> entries_;         // longest paths first
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_MEDIATED_TREE_H_
