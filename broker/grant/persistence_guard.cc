#include "broker/grant/persistence_guard.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <optional>
#include <utility>

#include "broker/base/escape.h"
#include "broker/grant/directory_watch.h"
#include "broker/grant/guard_findings.h"
#include "broker/grant/held_entry.h"
#include "broker/grant/quarantine.h"
#include "broker/grant/watched_tree.h"

namespace writ {
namespace {

// The sandbox is dead by then: the second look finds what the first one uncovered, the third one nothing.
constexpr int kFinalSweeps = 3;

}  // namespace

class PersistenceGuard::Watcher {
 public:
  Watcher(Quarantine quarantine, std::optional<DirectoryWatch> watch, GuardOptions options)
      : quarantine_(std::move(quarantine)),
        watch_(std::move(watch)),
        options_(std::move(options)),
        findings_(options_.limits.findings) {
    // The clock that file systems stamp inodes with; CLOCK_REALTIME itself can be a tick ahead of a later birth time.
    ::clock_gettime(CLOCK_REALTIME_COARSE, &start_);
  }

  Status add_tree(GuardedTree tree);
  int poll_descriptor() const { return watch_ ? watch_->descriptor() : -1; }
  void handle_events();
  std::span<const GuardFinding> findings() const { return findings_.listed(); }
  GuardReport finish();

 private:
  // starting
  Status refuse_quarantine_inside(int tree_root_fd, const std::string& display_path) const;
  Status record_start(WatchedTree& tree, NameNode& node);

  // looking
  void note_event(const WatchEvent& event);
  void sweep(WatchedTree& tree);
  void look_at_children(WatchedTree& tree, NameNode& node);
  void look_at(WatchedTree& tree, NameNode& parent, NameNode& node);
  void adopt_directory(NameNode& node, HeldEntry entry);
  void start_watching(NameNode& node);
  void let_go(NameNode& node);
  bool watch_is_used(int watch);

  // acting
  void expel(WatchedTree& tree, const NameNode& parent, const NameNode& node);
  void put_link_back(WatchedTree& tree, const NameNode& parent, const NameNode& node);
  GuardFinding take_away(const WatchedTree& tree, const NameNode& parent, const NameNode& node);
  void keep_or_discard(const std::string& quarantined, GuardFinding& finding);
  void set_aside_instead(const WatchedTree& tree, const NameNode& parent, const NameNode& node, GuardFinding& finding);

  // finishing
  void stop_watching();
  void copy_set_aside_objects();
  void compare(WatchedTree& tree, NameNode& node);
  void compare_reported_names(WatchedTree& tree);
  void report(const WatchedTree& tree, const std::string& name, FindingKind kind);

  Quarantine quarantine_;
  std::optional<DirectoryWatch> watch_;
  GuardOptions options_;
  GuardFindings findings_;
  timespec start_{};
  std::vector<std::unique_ptr<WatchedTree>> trees_;
  std::vector<SetAsideObject> set_aside_;
  std::size_t kept_objects_ = 0;
  std::uint64_t queue_overflows_ = 0;
  std::uint64_t expelled_ = 0;
};

// ---- start ----

namespace {

// state_beneath() without the look where the listing of the root says that there is nothing.
Result<EntryState> listed_state(const DirectoryListing& listing, int root_fd, const std::string& name) {
  WRIT_ASSIGN(const std::vector<std::string> components, split_relative_name(name));
  if (!listing.may_hold(components.front())) return EntryState{};
  return state_beneath(root_fd, name);
}

}  // namespace

Status PersistenceGuard::Watcher::refuse_quarantine_inside(int tree_root_fd, const std::string& display_path) const {
  if (options_.inside_tree == QuarantineInsideTree::kHiddenInView) return {};
  WRIT_ASSIGN(const bool inside, quarantine_.lies_beneath(tree_root_fd));
  if (!inside) return {};
  return fail("the quarantine " + quote_bytes(options_.quarantine_root) + " lies in the writable tree " +
                  quote_bytes(display_path),
              "use a smaller workspace, or set XDG_STATE_HOME to a directory outside it");
}

Status PersistenceGuard::Watcher::add_tree(GuardedTree given) {
  WRIT_TRY(refuse_quarantine_inside(given.root.get(), given.display_path));
  auto tree = std::make_unique<WatchedTree>();
  tree->display_path = std::move(given.display_path);
  for (const std::string& name : given.protect) {
    WRIT_TRY(add_protected_name(tree->root, name));
  }
  const DirectoryListing listing = DirectoryListing::read(given.root.get());
  for (const std::string& name : given.report_changes) {
    WRIT_ASSIGN(EntryState state, listed_state(listing, given.root.get(), name));
    tree->report_changes.push_back({name, std::move(state)});
  }
  tree->listing = listing;
  tree->root.directory = std::make_shared<const UniqueFd>(std::move(given.root));
  WRIT_TRY(record_start(*tree, tree->root));
  tree->listing = {};  // the tool comes now: from here on only the directory itself says what is there
  trees_.push_back(std::move(tree));
  return {};
}

Status PersistenceGuard::Watcher::record_start(WatchedTree& tree, NameNode& node) {
  if (watch_ && watch_->started() && !node.children.empty()) {
    WRIT_ASSIGN(node.watch, watch_->add(node.directory->get()));
  }
  for (const auto& child : node.children) {
    if (&node == &tree.root && !tree.listing.may_hold(child->component)) continue;
    WRIT_ASSIGN(HeldEntry entry, open_entry(node.directory->get(), child->component));
    child->start = entry.state;
    if (entry.state.kind == EntryKind::kLink) {
      child->target_start = followed_state_beneath(tree.root.directory->get(), child->name);
    }
    if (entry.state.kind != EntryKind::kDirectory || child->children.empty()) continue;
    child->held = entry.state;
    child->directory = std::make_shared<const UniqueFd>(std::move(entry.object));
    WRIT_TRY(record_start(tree, *child));
  }
  return {};
}

// ---- looking ----

void PersistenceGuard::Watcher::note_event(const WatchEvent& event) {
  if (event.overflow) ++queue_overflows_;
  for (const auto& tree : trees_) {
    if (event.overflow) tree->dirty = true;
    for_each_node(tree->root, [&](NameNode& node) {
      if (node.watch < 0 || node.watch != event.watch) return;
      if (event.ended) node.watch = -1;
      if (event.ended || concerns_child(node, event.name)) tree->dirty = true;
    });
  }
}

void PersistenceGuard::Watcher::handle_events() {
  if (!watch_) return;
  if (watch_->start_if_due()) {
    for (const auto& tree : trees_) tree->dirty = true;
  }
  watch_->read_some([this](const WatchEvent& event) { note_event(event); });
  for (const auto& tree : trees_) {
    if (std::exchange(tree->dirty, false)) sweep(*tree);
  }
}

// Always from the root down, never from the directory that made the event: a tool may have moved that one elsewhere.
void PersistenceGuard::Watcher::sweep(WatchedTree& tree) {
  start_watching(tree.root);
  look_at_children(tree, tree.root);
}

void PersistenceGuard::Watcher::look_at_children(WatchedTree& tree, NameNode& node) {
  for (const auto& child : node.children) {
    if (&node == &tree.root && !tree.listing.may_hold(child->component))
      let_go(*child);
    else
      look_at(tree, node, *child);
  }
}

void PersistenceGuard::Watcher::look_at(WatchedTree& tree, NameNode& parent, NameNode& node) {
  auto entry = open_entry(parent.directory->get(), node.component);
  if (!entry) {
    findings_.warn(entry.error().describe());
    return;
  }
  const EntryState& now = entry->state;
  if (now.kind == EntryKind::kAbsent) {
    let_go(node);
    return;
  }
  if (node.start.kind == EntryKind::kLink) {
    if (now.kind != EntryKind::kLink || now.link_text != node.start.link_text) put_link_back(tree, parent, node);
    return;
  }
  // On the way to a protected name only a directory is harmless: a link or a `gitdir:` file would give the name a
  // meaning somewhere else.
  const bool leads_on = now.kind == EntryKind::kDirectory && !node.is_protected;
  if (node.start.kind == EntryKind::kAbsent && !leads_on) {
    let_go(node);
    expel(tree, parent, node);
    return;
  }
  if (!leads_on) return;
  adopt_directory(node, std::move(*entry));
  look_at_children(tree, node);
}

// The watch comes before the look at the children, so nothing can appear between them unnoticed.
void PersistenceGuard::Watcher::adopt_directory(NameNode& node, HeldEntry entry) {
  if (!node.directory || !same_object(node.held, entry.state)) {
    let_go(node);
    node.held = entry.state;
    node.directory = std::make_shared<const UniqueFd>(std::move(entry.object));
  }
  start_watching(node);
}

void PersistenceGuard::Watcher::start_watching(NameNode& node) {
  if (!watch_ || !watch_->started() || node.watch >= 0 || node.children.empty()) return;
  const auto watch = watch_->add(node.directory->get());
  if (watch) {
    node.watch = *watch;
  } else {
    findings_.warn(quote_bytes(node.name) + ": " + watch.error().describe() + "; looked at once more at the end");
  }
}

void PersistenceGuard::Watcher::let_go(NameNode& top) {
  for_each_node(top, [this](NameNode& node) {
    const int watch = std::exchange(node.watch, -1);
    if (watch_ && watch >= 0 && !watch_is_used(watch)) watch_->remove(watch);
    node.directory.reset();
  });
}

// Two trees may overlap, and the kernel knows one watch for one directory.
bool PersistenceGuard::Watcher::watch_is_used(int watch) {
  bool used = false;
  for (const auto& tree : trees_) {
    for_each_node(tree->root, [&](const NameNode& node) { used = used || node.watch == watch; });
  }
  return used;
}

// ---- acting ----

void PersistenceGuard::Watcher::expel(WatchedTree& tree, const NameNode& parent, const NameNode& node) {
  GuardFinding finding = take_away(tree, parent, node);
  finding.kind = FindingKind::kCreated;
  findings_.record(std::move(finding));
}

void PersistenceGuard::Watcher::put_link_back(WatchedTree& tree, const NameNode& parent, const NameNode& node) {
  GuardFinding finding = take_away(tree, parent, node);
  finding.kind = FindingKind::kReplacedLink;
  const int parent_fd = parent.directory->get();
  const OwnerAccess access(parent_fd);
  finding.link_restored = ::symlinkat(node.start.link_text.c_str(), parent_fd, node.component.c_str()) == 0;
  findings_.record(std::move(finding));
}

GuardFinding PersistenceGuard::Watcher::take_away(const WatchedTree& tree, const NameNode& parent,
                                                  const NameNode& node) {
  ++expelled_;
  GuardFinding finding;
  finding.path = tree.display_path + "/" + node.name;
  const MoveOutcome moved = quarantine_.move_in(parent.directory->get(), node.component, node.name);
  if (moved.system_errno == 0) {
    keep_or_discard(moved.name, finding);
  } else if (moved.system_errno == ENOENT) {
    finding.action = FindingAction::kVanished;
  } else {
    set_aside_instead(tree, parent, node, finding);
  }
  return finding;
}

// A flood must not fill the quarantine. Deleting happens there, where the tool cannot swap what was checked.
void PersistenceGuard::Watcher::keep_or_discard(const std::string& quarantined, GuardFinding& finding) {
  if (kept_objects_ >= options_.limits.kept_objects && quarantine_.discard_if_made_after(quarantined, start_)) {
    finding.action = FindingAction::kRemoved;
    return;
  }
  ++kept_objects_;
  finding.action = FindingAction::kQuarantined;
  finding.kept_at = quarantine_.path_of(quarantined);
}

// Another file system (or no quarantine): the harmless name closes the window at once, copying waits until nothing
// races.
void PersistenceGuard::Watcher::set_aside_instead(const WatchedTree& tree, const NameNode& parent, const NameNode& node,
                                                  GuardFinding& finding) {
  const int parent_fd = parent.directory->get();
  const MoveOutcome aside = set_aside(parent_fd, node.component);
  if (aside.system_errno != 0) {
    finding.action = aside.system_errno == ENOENT ? FindingAction::kVanished : FindingAction::kLeftInPlace;
    finding.system_errno = aside.system_errno;
    return;
  }
  finding.action = FindingAction::kSetAside;
  finding.kept_at = tree.display_path + "/" + (parent.name.empty() ? "" : parent.name + "/") + aside.name;
  if (set_aside_.size() < options_.limits.kept_objects) {
    set_aside_.push_back({parent.directory, aside.name, node.name, finding.kept_at});
    return;
  }
  // A tool could swap the object between the check and the removal, but only for something it may delete itself: what
  // is read-only for it is a mount point, which it cannot rename.
  const auto entry = open_entry(parent_fd, aside.name);
  if (!entry || !entry->object.valid() || !made_after(entry->object.get(), start_)) return;
  const int flags = entry->state.kind == EntryKind::kDirectory ? AT_REMOVEDIR : 0;
  if (::unlinkat(parent_fd, aside.name.c_str(), flags) == 0) {
    finding.action = FindingAction::kRemoved;
    finding.kept_at.clear();
  }
}

// ---- finishing ----

void PersistenceGuard::Watcher::stop_watching() {
  std::vector<int> watches;
  for (const auto& tree : trees_) {
    for_each_node(tree->root, [&](NameNode& node) {
      if (node.watch >= 0) watches.push_back(std::exchange(node.watch, -1));
    });
  }
  if (watch_) watch_->stop(watches);
}

GuardReport PersistenceGuard::Watcher::finish() {
  stop_watching();
  // Everything in the sandbox is dead, so what a listing lacks stays absent.
  for (const auto& tree : trees_) tree->listing = DirectoryListing::read(tree->root.directory->get());
  for (int round = 0; round < kFinalSweeps; ++round) {
    const std::uint64_t before = expelled_;
    for (const auto& tree : trees_) sweep(*tree);
    if (expelled_ == before) break;
  }
  copy_set_aside_objects();
  for (const auto& tree : trees_) {
    for_each_node(tree->root, [&](NameNode& node) { compare(*tree, node); });
    compare_reported_names(*tree);
  }
  GuardReport report = findings_.take();
  report.queue_overflows = queue_overflows_;
  return report;
}

void PersistenceGuard::Watcher::copy_set_aside_objects() {
  const CopyBudget budget{.bytes = options_.limits.copied_bytes, .entries = options_.limits.copied_entries};
  for (const SetAsideObject& object : set_aside_) {
    const auto entry = open_entry(object.parent->get(), object.component);
    if (!entry || entry->state.kind == EntryKind::kAbsent) {
      findings_.warn(quote_bytes(object.display_path) + " was moved or removed by the tool after it was set aside");
      continue;
    }
    std::string name;
    if (quarantine_.copy_in(object.parent->get(), object.component, object.label, budget, name)) {
      findings_.relocate(object.display_path, quarantine_.path_of(name));
    } else {
      findings_.warn(quote_bytes(object.display_path) + " (it was " + quote_bytes(object.label) +
                     ") could not be copied to the quarantine and stays; look at it before you remove it");
    }
  }
  set_aside_.clear();
}

void PersistenceGuard::Watcher::compare(WatchedTree& tree, NameNode& node) {
  if (node.start.kind == EntryKind::kAbsent || &node == &tree.root) return;
  const int root_fd = tree.root.directory->get();
  const EntryState now = state_beneath(root_fd, node.name).value_or(EntryState{});
  if (now.kind == EntryKind::kAbsent) {
    report(tree, node.name, FindingKind::kRemoved);
  } else if (node.start.kind == EntryKind::kLink) {
    // The sweep has put a replaced link back; what is left is what it leads to.
    const EntryState target = followed_state_beneath(root_fd, node.name);
    if (!same_state(node.target_start, target)) report(tree, node.name, FindingKind::kTargetChanged);
  } else if (node.children.empty() ? !same_state(node.start, now) : !same_object(node.start, now)) {
    // Of a directory on the way only the identity counts: its content may change.
    report(tree, node.name, FindingKind::kChanged);
  }
}

void PersistenceGuard::Watcher::compare_reported_names(WatchedTree& tree) {
  for (const ReportedName& reported : tree.report_changes) {
    const EntryState now = listed_state(tree.listing, tree.root.directory->get(), reported.name).value_or(EntryState{});
    if (same_state(reported.start, now)) continue;
    const bool was_there = reported.start.kind != EntryKind::kAbsent;
    const bool is_there = now.kind != EntryKind::kAbsent;
    const FindingKind kind = !was_there ? FindingKind::kAppeared
                             : is_there ? FindingKind::kChanged
                                        : FindingKind::kRemoved;
    report(tree, reported.name, kind);
  }
}

void PersistenceGuard::Watcher::report(const WatchedTree& tree, const std::string& name, FindingKind kind) {
  GuardFinding finding;
  finding.path = tree.display_path + "/" + name;
  finding.kind = kind;
  findings_.record(std::move(finding));
}

// ---- the public face ----

Result<PersistenceGuard> PersistenceGuard::create(std::vector<GuardedTree> trees, GuardOptions options) {
  WRIT_ASSIGN(Quarantine quarantine, Quarantine::open(options.quarantine_root, options.run_id));
  std::optional<DirectoryWatch> watch;
  if (options.watching == Watching::kLive) {
    WRIT_ASSIGN(watch, DirectoryWatch::open(options.watch_delay));
  }
  auto watcher = std::make_unique<Watcher>(std::move(quarantine), std::move(watch), std::move(options));
  for (GuardedTree& tree : trees) {
    WRIT_TRY(watcher->add_tree(std::move(tree)));
  }
  return PersistenceGuard(std::move(watcher));
}

PersistenceGuard::PersistenceGuard(std::unique_ptr<Watcher> watcher) : watcher_(std::move(watcher)) {}
PersistenceGuard::PersistenceGuard(PersistenceGuard&&) noexcept = default;
PersistenceGuard& PersistenceGuard::operator=(PersistenceGuard&&) noexcept = default;
PersistenceGuard::~PersistenceGuard() = default;

int PersistenceGuard::poll_descriptor() const { return watcher_->poll_descriptor(); }
void PersistenceGuard::handle_events() { watcher_->handle_events(); }
std::span<const GuardFinding> PersistenceGuard::findings() const { return watcher_->findings(); }
Result<GuardReport> PersistenceGuard::finish() { return watcher_->finish(); }

}  // namespace writ
