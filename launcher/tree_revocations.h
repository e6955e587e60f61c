// TreeRevocations: what was allowed for a run is taken back: the names, then what the kernel can still restrict; and
// who holds what cannot be taken back.
//
// Ownership: borrows mediation and sandbox. Threads: one, that of the session. Looking for holders reads /proc, a few
// milliseconds for a hundred processes.
#ifndef WRIT_LAUNCHER_TREE_REVOCATIONS_H_
#define WRIT_LAUNCHER_TREE_REVOCATIONS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/authority/live_grants.h"
#include "broker/base/json_text.h"
#include "broker/kernel/mount_holders.h"
#include "broker/sandbox/sandbox_process.h"

namespace writ {

// One tree that was taken out of the view.
struct RevokedTree {
  std::string path;
  bool done = false;  // init has answered
  DetachOutcome outcome{};
  int error = 0;  // the tree still has its name: why
  std::vector<MountHolder> holders;
  std::size_t holders_ended = 0;
  std::size_t not_examined = 0;
  std::optional<MountIdentity> mount;  // by which its holders are found; nothing: no process saw it any more
  HolderFate fate = HolderFate::kListed;
};

// "nothing is left of it", "3 processes hold it; they cannot write or execute there any more" …, for people.
[[nodiscard]] std::string revocation_text(const RevokedTree& tree);
[[nodiscard]] JsonValue revocation_json(const RevokedTree& tree);
// The same about a path that never joined the view: files were handed over one by one.
[[nodiscard]] JsonValue handed_over_json(const std::string& path);

class TreeRevocations {
 public:
  explicit TreeRevocations(SandboxProcess& sandbox) : sandbox_(sandbox) {}

  // From now on what takes_back() takes away is treated so.
  void set_fate(HolderFate fate) { fate_ = fate; }
  // Ends whoever holds something of the trees at or below `path` that were taken away before. Returns them; those that
  // init has not answered about are not among them, but will be treated so.
  std::vector<const RevokedTree*> end_holders_below(std::string_view path);

  // Asks init to take the tree away. The answer comes to detached().
  void take_back(AttachId tree, const std::string& path);

  // What init says. Returns the tree that it was about, or null for another's.
  const RevokedTree* detached(const InitReport& report);

  [[nodiscard]] const std::vector<RevokedTree>& trees() const { return trees_; }

 private:
  struct Pending {
    AttachId tree;
    std::size_t index;
  };
  void look_for_holders(RevokedTree& tree) const;

  SandboxProcess& sandbox_;
  HolderFate fate_ = HolderFate::kListed;
  std::vector<RevokedTree> trees_;
  std::vector<Pending> pending_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_TREE_REVOCATIONS_H_
