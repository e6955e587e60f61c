// AskedTrees: the places that the view covers until somebody allows them, and what is opened there for a tool.
//
// Everything is opened beneath the place's own detached, read-only mount: nothing above it can be reached, and nothing
// can be written through what comes out.
//
// Ownership: owns the mounts. One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_ASKED_TREES_H_
#define WRIT_BROKER_MEDIATION_ASKED_TREES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "broker/base/unique_fd.h"
#include "broker/mediation/mediated_calls.h"
#include "broker/sandbox/view.h"

namespace writ {

// How a place stands.
enum class TreeState : std::uint8_t {
  kCovered,
  kJoining,  // init was asked to attach it
  kJoined,   // it is in the view like any granted tree
  kRevoked,  // it was allowed once, and is not any more: nobody is asked about it again
};

class AskedTrees {
 public:
  AskedTrees() = default;
  explicit AskedTrees(std::vector<AskedTree> trees);

  [[nodiscard]] bool empty() const { return trees_.empty(); }
  // The deepest place that holds `path` (of the view) and is not in the view.
  [[nodiscard]] std::optional<std::size_t> holding(std::string_view path) const;

  [[nodiscard]] std::size_t count() const { return trees_.size(); }
  [[nodiscard]] const AskedTree& tree(std::size_t index) const { return trees_[index].tree; }
  [[nodiscard]] TreeState state(std::size_t index) const { return trees_[index].state; }
  void set_state(std::size_t index, TreeState state) { trees_[index].state = state; }
  // Closes the mounts of a place that was attached: nothing is opened from them any more, and whoever keeps one keeps
  // the place from being unmounted (umount(2): EBUSY).
  void let_go(std::size_t index);

  struct Object {
    UniqueFd held;     // O_PATH
    std::string path;  // canonical, as the tool calls it
  };
  // What `rest` (relative; empty: the place itself) leads to, links followed as long as they stay in the place; one in
  // the last place as `last_link` says. Errno: as openat2(2) with RESOLVE_BENEATH.
  [[nodiscard]] tl::expected<Object, int> find(std::size_t index, const std::string& rest,
                                               FinalLink last_link = FinalLink::kFollowed) const;

  // Opens the very object that is held, a regular file, for reading, with the status flags of `flags`. Errno otherwise.
  [[nodiscard]] static tl::expected<UniqueFd, int> open(const Object& object, std::uint64_t flags);

 private:
  struct Entry {
    AskedTree tree;
    TreeState state = TreeState::kCovered;
  };
  std::vector<Entry> trees_;
};

// `rest` beneath `place` without looking at anything: "." and ".." taken as words. Nothing: it leads out of the place.
[[nodiscard]] std::optional<std::string> lexical_path(std::string_view place, std::string_view rest);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_ASKED_TREES_H_
