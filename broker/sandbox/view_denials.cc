#include "broker/sandbox/view_denials.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "broker/base/escape.h"
#include "broker/grant/link_aliases.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/sandbox/host_path.h"

namespace writ {
namespace {

// A denied path as the host has it.
struct DeniedObject {
  UniqueFd object;        // invalid: nothing is there yet
  std::string real_path;  // canonical as far as it exists, then the rest as it was written
  TreeKind kind = TreeKind::kFile;
};

TreeKind kind_of(int object) {
  struct stat status {};
  return ::fstat(object, &status) == 0 && S_ISDIR(status.st_mode) ? TreeKind::kDirectory : TreeKind::kFile;
}

// Resolves the longest part of `path` that exists; links in it are followed, as the person's own words.
DeniedObject find_denied(const std::string& path) {
  DeniedObject denied;
  denied.object = open_and_resolve(path, denied.real_path);
  if (denied.object.valid()) {
    denied.kind = kind_of(denied.object.get());
    return denied;
  }
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
       slash = path.rfind('/', slash - 1)) {
    std::string real;
    if (!open_and_resolve(path.substr(0, slash), real).valid()) continue;
    denied.real_path = real + path.substr(slash);
    return denied;
  }
  denied.real_path = path;
  return denied;
}

std::string below(std::string_view path, std::string_view tree) {
  return std::string(path.substr(std::min(path.size(), tree.size() + 1)));
}

class DenialPlanner {
 public:
  explicit DenialPlanner(std::span<const DenialTree> trees) : trees_(trees) {
    plan_.unchangeable.resize(trees.size());
    plan_.absent.resize(trees.size(), AbsentNames::kNone);
  }

  Status deny(const std::vector<PathPattern>& patterns, Rights rights) {
    for (const PathPattern& pattern : patterns) {
      WRIT_TRY(deny_path(pattern.path, rights));
      // A grant may have a denied name and lead somewhere else.
      for (std::size_t i = 0; i < trees_.size(); ++i)
        if (pattern.matches(trees_[i].path)) WRIT_TRY(add(i, "", rights, trees_[i].kind, trees_[i].object));
    }
    return {};
  }

  Result<DenialPlan> finish() {
    WRIT_TRY(deny_aliases());
    merge_places();
    return std::move(plan_);
  }

 private:
  struct WantedAlias {
    LinkedFile file;
    Rights rights;
  };

  Status deny_path(const std::string& path, Rights rights) {
    const DeniedObject denied = find_denied(path);
    for (std::size_t i = 0; i < trees_.size(); ++i) {
      if (path_lies_in(denied.real_path, trees_[i].real_path))
        WRIT_TRY(deny_in_tree(i, below(denied.real_path, trees_[i].real_path), denied, rights));
      else if (denied.object.valid() && path_lies_in(trees_[i].real_path, denied.real_path))
        WRIT_TRY(add(i, "", rights, trees_[i].kind, trees_[i].object));
    }
    return denied.object.valid() ? want_aliases(denied, rights) : Status{};
  }

  Status deny_in_tree(std::size_t tree, const std::string& relative, const DeniedObject& denied, Rights rights) {
    const bool writable = trees_[tree].access == PathAccess::kWrite && trees_[tree].kind == TreeKind::kDirectory;
    if (writable && !relative.empty() && !rights_only_execute(rights)) plan_.unchangeable[tree].push_back(relative);
    if (denied.object.valid()) return add(tree, relative, rights, denied.kind, denied.object.get());
    if (writable && !rights_only_execute(rights)) plan_.absent[tree] = AbsentNames::kSome;
    if (!writable || rights_only_execute(rights))
      plan_.warnings.push_back(quote_bytes(trees_[tree].path + "/" + relative) +
                               " is denied and does not exist; if something outside of the sandbox makes it during "
                               "the run, the rule does not hold for it");
    return {};
  }

  static bool rights_only_execute(Rights rights) { return !rights.has(Right::kRead) && !rights.has(Right::kWrite); }

  // What is only protected from changes needs no mount here: protecting names is the business of the writable tree.
  Status add(std::size_t tree, const std::string& relative, Rights rights, TreeKind kind, int object) {
    if (!rights.has(Right::kRead) && !rights.has(Right::kExecute) && !relative.empty()) return {};
    UniqueFd held(::fcntl(object, F_DUPFD_CLOEXEC, 3));
    if (!held.valid()) return fail_errno(errno, "cannot hold the denied " + quote_bytes(relative));
    plan_.denials.push_back({tree, relative, rights, kind, std::move(held)});
    return {};
  }

  Status want_aliases(const DeniedObject& denied, Rights rights) {
    WRIT_ASSIGN(const std::vector<LinkedFile> files, linked_files_beneath(denied.object.get()));
    for (const LinkedFile& file : files) wanted_.push_back({file, rights});
    return {};
  }

  // One search for the linked files of all rules. Names beneath a denied directory are found too; denying them twice
  // does no harm.
  Status deny_aliases() {
    std::vector<LinkedFile> files;
    std::vector<int> roots;
    for (const WantedAlias& wanted : wanted_) files.push_back(wanted.file);
    for (const DenialTree& tree : trees_) roots.push_back(tree.object);
    WRIT_ASSIGN(const std::vector<LinkAlias> aliases, find_link_aliases(roots, files));
    for (const LinkAlias& alias : aliases)
      for (const WantedAlias& wanted : wanted_)
        if (wanted.file == files[alias.file]) WRIT_TRY(deny_alias(alias, wanted.rights));
    return {};
  }

  Status deny_alias(const LinkAlias& alias, Rights rights) {
    const bool writable = trees_[alias.tree].access == PathAccess::kWrite;
    if (writable && !rights_only_execute(rights)) plan_.unchangeable[alias.tree].push_back(alias.relative);
    return add(alias.tree, alias.relative, rights, TreeKind::kFile, alias.object.get());
  }

  static auto place_of(const Denial& denial) { return std::tie(denial.tree, denial.relative); }

  // Two rules may deny the same place: it gets one mount with the rights of both.
  void merge_places() {
    std::vector<Denial>& all = plan_.denials;
    std::sort(all.begin(), all.end(), [](const Denial& a, const Denial& b) { return place_of(a) < place_of(b); });
    std::vector<Denial> merged;
    for (Denial& denial : all) {
      if (!merged.empty() && place_of(merged.back()) == place_of(denial))
        merged.back().rights = join(merged.back().rights, denial.rights);
      else if (!is_covered(merged, denial))
        merged.push_back(std::move(denial));
    }
    all = std::move(merged);
    for (std::vector<std::string>& names : plan_.unchangeable) {
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
    }
  }

  // Nothing can be mounted, and nothing needs to be, below a place that is covered itself.
  static bool is_covered(const std::vector<Denial>& merged, const Denial& denial) {
    return std::any_of(merged.begin(), merged.end(), [&](const Denial& other) {
      return other.tree == denial.tree && other.rights.has(Right::kRead) && other.relative != denial.relative &&
             (other.relative.empty() || path_lies_in(denial.relative, other.relative));
    });
  }

  std::span<const DenialTree> trees_;
  DenialPlan plan_;
  std::vector<WantedAlias> wanted_;
};

}  // namespace

Execution DenialPlan::execution_at(std::size_t tree, std::string_view relative, Execution tree_execution) const {
  const bool denied = std::any_of(denials.begin(), denials.end(), [&](const Denial& denial) {
    return denial.tree == tree && denial.rights.has(Right::kExecute) && path_lies_in(relative, denial.relative);
  });
  return denied ? Execution::kDenied : tree_execution;
}

Result<DenialPlan> plan_denials(const FilesystemPolicy& policy, std::span<const DenialTree> trees) {
  DenialPlanner planner(trees);
  WRIT_TRY(planner.deny(policy.deny_all, {Right::kRead, Right::kWrite, Right::kExecute, Right::kList}));
  WRIT_TRY(planner.deny(policy.deny_write, {Right::kWrite}));
  WRIT_TRY(planner.deny(policy.deny_execute, {Right::kExecute}));
  return planner.finish();
}

}  // namespace writ
