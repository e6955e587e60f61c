#include "broker/sandbox/view_questions.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "broker/base/escape.h"
#include "broker/grant/link_aliases.h"
#include "broker/grant/tree_grant.h"
#include "broker/sandbox/host_path.h"
#include "broker/sandbox/system_paths.h"

namespace writ {
namespace {

// Something that is denied or hidden, as the host has it.
struct HiddenObject {
  std::string path;  // as it was written
  std::string real;
  UniqueFd object;
};

class QuestionPlanner {
 public:
  QuestionPlanner(const FilesystemPolicy& policy, std::span<const DenialTree> trees, int ownership_namespace)
      : policy_(policy), trees_(trees), ownership_namespace_(ownership_namespace) {}

  Result<std::vector<AskedTree>> plan() {
    for (const AskedPlace& asked : policy_.asked) WRIT_TRY(add(asked));
    if (found_.empty()) return std::move(found_);
    drop_nested();
    open_hidden();
    note_links();
    WRIT_TRY(note_hard_links());
    return std::move(found_);
  }

 private:
  Status add(const AskedPlace& asked) {
    if (lies_in_cover(asked.pattern)) return {};
    auto tree = open_host_tree(asked.pattern.path);
    if (!tree) return unless_absent(std::move(tree.error()));
    if (asked.pattern.scope == PathScope::kExact && tree->kind == TreeKind::kDirectory)
      return fail("the rule for " + quote_bytes(asked.pattern.path) + " names one object, and that is a directory",
                  "write " + quote_bytes(asked.pattern.path + "/*") + " for the whole tree");
    const std::string real = path_of_descriptor(tree->object.get());
    if (real.empty() || real == "/") return fail("cannot ask about " + quote_bytes(asked.pattern.path));
    WRIT_TRY(refuse_kernel_trees(asked.pattern.path, PathAccess::kRead, real));
    const int owners = tree->owner == 0 && !is_system_path(real) ? ownership_namespace_ : -1;
    const int object = tree->object.get();
    // Whoever allows reading one file has said nothing about executing it, so what is handed over cannot be executed.
    WRIT_ASSIGN(UniqueFd mount, make_tree_grant(object, {PathAccess::kRead, Execution::kDenied, owners}));
    UniqueFd attached;
    if (may_execute(asked, real)) {
      WRIT_ASSIGN(attached, make_tree_grant(object, {PathAccess::kRead, Execution::kAllowed, owners}));
    }
    std::string place = place_of(real, asked.pattern.path);
    reals_[place] = real;
    found_.push_back({std::move(place),
                      tree->kind,
                      std::move(mount),
                      std::move(attached),
                      asked.rights,
                      !hides_beneath(real) && !hides_beneath(asked.pattern.path),
                      {}});
    return {};
  }

  static Status unless_absent(Error error) {
    const int reason = error.system_errno;
    if (reason == ENOENT || reason == ENOTDIR || reason == EACCES) return {};
    return tl::unexpected<Error>(std::move(error));
  }

  // Nothing can be mounted, and nothing needs to be, in a place that is covered itself. Where that is an asked one, it
  // does not join the view (hides_beneath), and single files in this one are asked about there.
  [[nodiscard]] bool lies_in_cover(const PathPattern& asked) const {
    return std::any_of(
               policy_.deny_all.begin(), policy_.deny_all.end(),
               [&](const PathPattern& covered) { return covered.path != asked.path && covered.matches(asked.path); }) ||
           std::any_of(policy_.hide.begin(), policy_.hide.end(), [&](const std::string& hidden) {
             return hidden != asked.path && path_lies_in(asked.path, hidden);
           });
  }

  // The same for places that links lead to.
  void drop_nested() {
    std::vector<std::string> paths;
    for (const AskedTree& tree : found_) paths.push_back(tree.path);
    std::erase_if(found_, [&](const AskedTree& tree) {
      return std::any_of(paths.begin(), paths.end(), [&](const std::string& other) {
        return other != tree.path && path_lies_in(tree.path, other);
      });
    });
    for (AskedTree& tree : found_)
      for (const std::string& path : paths)
        if (path != tree.path && path_lies_in(path, tree.path)) tree.whole = false;
  }

  void open_hidden() {
    const auto open = [&](const std::string& path) {
      HiddenObject hidden{path, {}, {}};
      hidden.object = open_and_resolve(path, hidden.real);
      if (hidden.object.valid()) hidden_.push_back(std::move(hidden));
    };
    for (const std::string& path : policy_.hide) open(path);
    secrets_ = hidden_.size();
    for (const PathPattern& pattern : policy_.deny_all) open(pattern.path);
  }

  static void hide(AskedTree& tree, std::string path) {
    tree.whole = false;
    tree.hidden.push_back(std::move(path));
  }

  void note_links() {
    for (std::size_t i = 0; i < found_.size(); ++i)
      for (const HiddenObject& hidden : hidden_)
        if (hidden.real != hidden.path && hidden.real != reals_[found_[i].path] &&
            path_lies_in(hidden.real, reals_[found_[i].path]))
          hide(found_[i], found_[i].path + hidden.real.substr(reals_[found_[i].path].size()));
  }

  // A denied file stays denied by its other names. What is asked about in one place is not denied in that very place.
  Status note_hard_links() {
    std::vector<LinkedFile> files;
    std::vector<std::string> origins;
    for (std::size_t i = secrets_; i < hidden_.size(); ++i) {
      WRIT_ASSIGN(const std::vector<LinkedFile> linked, linked_files_beneath(hidden_[i].object.get()));
      files.insert(files.end(), linked.begin(), linked.end());
      origins.insert(origins.end(), linked.size(), hidden_[i].real);
    }
    if (files.empty()) return {};
    std::vector<int> roots;
    for (const AskedTree& tree : found_) roots.push_back(tree.mount.get());
    WRIT_ASSIGN(const std::vector<LinkAlias> aliases, find_link_aliases(roots, files));
    for (const LinkAlias& alias : aliases) {
      AskedTree& tree = found_[alias.tree];
      for (std::size_t i = 0; i < files.size(); ++i)
        if (files[i] == files[alias.file] && origins[i] != reals_[tree.path] && tree.kind == TreeKind::kDirectory)
          hide(tree, tree.path + "/" + alias.relative);
    }
    return {};
  }

  // A rule that denies execution above the place is stronger than one that asks about it.
  [[nodiscard]] bool may_execute(const AskedPlace& asked, const std::string& real) const {
    return asked.rights.has(Right::kExecute) &&
           std::none_of(policy_.deny_execute.begin(), policy_.deny_execute.end(), [&](const PathPattern& denied) {
             return denied.matches(asked.pattern.path) || denied.matches(real);
           });
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
  std::map<std::string, std::string> reals_;  // the host's path of each place
  std::vector<HiddenObject> hidden_;
  std::size_t secrets_ = 0;  // so many of them, the first, are secrets
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
