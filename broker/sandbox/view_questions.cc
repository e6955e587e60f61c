#include "broker/sandbox/view_questions.h"

#include <algorithm>
#include <utility>

#include "broker/base/escape.h"
#include "broker/grant/tree_grant.h"
#include "broker/sandbox/host_path.h"
#include "broker/sandbox/system_paths.h"

namespace writ {
namespace {

class QuestionPlanner {
 public:
  QuestionPlanner(const FilesystemPolicy& policy, std::span<const DenialTree> trees, int ownership_namespace)
      : policy_(policy), trees_(trees), ownership_namespace_(ownership_namespace) {}

  Result<std::vector<AskedTree>> plan() {
    for (const AskedPlace& asked : policy_.asked) WRIT_TRY(add(asked));
    return std::move(found_);
  }

 private:
  Status add(const AskedPlace& asked) {
    auto tree = open_host_tree(asked.pattern.path);
    if (!tree) return {};
    if (asked.pattern.scope == PathScope::kExact && tree->kind == TreeKind::kDirectory)
      return fail("the rule for " + quote_bytes(asked.pattern.path) + " names one object, and that is a directory",
                  "write " + quote_bytes(asked.pattern.path + "/*") + " for the whole tree");
    const std::string real = path_of_descriptor(tree->object.get());
    if (real.empty() || real == "/") return fail("cannot ask about " + quote_bytes(asked.pattern.path));
    WRIT_TRY(refuse_kernel_trees(asked.pattern.path, PathAccess::kRead, real));
    const bool translate = tree->owner == 0 && !is_system_path(real);
    const TreeRestriction restriction{PathAccess::kRead,
                                      asked.rights.has(Right::kExecute) ? Execution::kAllowed : Execution::kDenied,
                                      translate ? ownership_namespace_ : -1};
    WRIT_ASSIGN(UniqueFd mount, make_tree_grant(tree->object.get(), restriction));
    found_.push_back({place_of(real, asked.pattern.path), tree->kind, std::move(mount), asked.rights,
                      !hides_beneath(real) && !hides_beneath(asked.pattern.path)});
    return {};
  }

  // Where the host's `real` appears: in the deepest tree that holds it, or nowhere.
  [[nodiscard]] std::string place_of(const std::string& real, const std::string& otherwise) const {
    const DenialTree* deepest = nullptr;
    for (const DenialTree& tree : trees_)
      if (path_lies_in(real, tree.real_path) &&
          (deepest == nullptr || deepest->real_path.size() < tree.real_path.size()))
        deepest = &tree;
    return deepest == nullptr ? otherwise : deepest->path + real.substr(deepest->real_path.size());
  }

  // A tree that joins the view as a whole would need covers of its own there. Where there are any, it does not join.
  [[nodiscard]] bool hides_beneath(const std::string& place) const {
    const auto beneath = [&](const std::string& path) { return path != place && path_lies_in(path, place); };
    const auto denied = [&](const PathPattern& pattern) { return beneath(pattern.path); };
    return std::any_of(policy_.hide.begin(), policy_.hide.end(), beneath) ||
           std::any_of(policy_.deny_all.begin(), policy_.deny_all.end(), denied) ||
           std::any_of(policy_.deny_execute.begin(), policy_.deny_execute.end(), denied) ||
           std::any_of(trees_.begin(), trees_.end(), [&](const DenialTree& tree) { return beneath(tree.path); });
  }

  const FilesystemPolicy& policy_;
  std::span<const DenialTree> trees_;
  int ownership_namespace_;
  std::vector<AskedTree> found_;
};

}  // namespace

Status refuse_kernel_trees(const std::string& path, PathAccess access, const std::string& real_path) {
  const bool settings = path_lies_in(real_path, "/sys") && access == PathAccess::kWrite;
  const bool shared_memory = path_lies_in(real_path, "/dev/shm") && real_path != "/dev/shm";
  if (!settings && !path_lies_in(real_path, "/proc") && (shared_memory || !path_lies_in(real_path, "/dev"))) return {};
  return fail("cannot grant " + quote_bytes(path) + (settings ? " for writing" : "") +
                  ": it is an interface to the host's kernel, not a tree of files",
              "the sandbox has a /proc and a /dev of its own");
}

Result<std::vector<AskedTree>> plan_questions(const FilesystemPolicy& policy, std::span<const DenialTree> trees,
                                              int ownership_namespace) {
  return QuestionPlanner(policy, trees, ownership_namespace).plan();
}

}  // namespace writ
