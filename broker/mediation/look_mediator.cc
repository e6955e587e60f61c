#include "broker/mediation/look_mediator.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "broker/kernel/process_memory.h"
#include "broker/sandbox/host_path.h"

namespace writ {
namespace {

constexpr std::uint64_t kWritingFlags = O_ACCMODE | O_CREAT | O_TRUNC | kTemporaryBit;

constexpr AnswerContinue kBounded{
    "not in a place that is asked about: the view bounds it, and a covered place shows nothing"};

constexpr AnswerContinue kJoined{"the place has joined the view, and the view bounds it"};

bool is_of_type(const AskedTrees::Object& object, mode_t type) {
  struct stat status {};
  return ::fstat(object.held.get(), &status) == 0 && (status.st_mode & S_IFMT) == type;
}

bool is_hidden(const AskedTree& tree, const std::string& path) {
  return std::any_of(tree.hidden.begin(), tree.hidden.end(),
                     [&](const std::string& hidden) { return path_lies_in(path, hidden); });
}

// `path` beneath `tree`, as a relative path.
std::string beneath(const std::string& path, const std::string& tree) {
  return path.size() <= tree.size() ? std::string() : path.substr(tree.size() + 1);
}

}  // namespace

struct LookMediator::CopiedLook : CallCopy {
  const LookCall* row = nullptr;
  pid_t thread = 0;
  std::shared_ptr<const CallerRecord> caller;
  std::uint64_t flags = 0;
  CopiedPath path;
  FinalLink last_link = FinalLink::kFollowed;
  bool without_path = false;          // the object is a descriptor that the tool holds already
  std::unique_ptr<CallCopy> changes;  // the same call, for the mediator of changes
  // What is asked about. The answer is about this very object and this very place, whatever the path leads to by then.
  tl::expected<AskedTrees::Object, int> object = tl::unexpected<int>(ENOENT);
  std::size_t place = 0;
  std::string missing;  // what it leads to, where the tool finds nothing there

  [[nodiscard]] bool opens() const { return row->look == Look::kOpen && (flags & O_PATH) == 0; }
  [[nodiscard]] bool may_be_handed_over() const { return opens() && (flags & O_DIRECTORY) == 0; }
};

LookMediator::LookMediator(LookParts parts, Decider& decider, DenialLog& denials)
    : parts_(std::move(parts)), decider_(decider), denials_(denials) {}

LookMediator::~LookMediator() = default;

std::variant<std::unique_ptr<CallCopy>, Answer> LookMediator::read(const Notification& call) {
  const LookCall* row = find_look_call(call.call.nr);
  if (row == nullptr) return Answer(AnswerErrno{ENOSYS});
  const ActingIdentity::Scope scope(parts_.acting);
  if (!scope.in_force()) return Answer(AnswerErrno{EPERM});
  if (!lookup_) {
    auto opened = ToolLookup::open(call.thread);
    if (!opened) return Answer(AnswerErrno{EPERM});
    first_lookup_.emplace(std::move(*opened));
  }
  auto copy = std::make_unique<CopiedLook>();
  copy->row = row;
  if (const int error = read_path(call, *copy); error != 0) return Answer(AnswerErrno{error});
  // Two copies of one path, which the tool may change in between: each mediator decides on its own and acts on that.
  const MediatedCall* change = parts_.changes == nullptr ? nullptr : find_mediated_call(call.call.nr);
  std::array<std::uint64_t, 6> arguments{};
  std::copy_n(call.call.args, arguments.size(), arguments.begin());
  if (change == nullptr || !changes(*change, arguments)) return copy;
  auto copied = parts_.changes->read(call);
  if (auto* answer = std::get_if<Answer>(&copied)) return std::move(*answer);
  copy->changes = std::move(std::get<std::unique_ptr<CallCopy>>(copied));
  return copy;
}

int LookMediator::read_path(const Notification& call, CopiedLook& copy) {
  const LookCall& row = *copy.row;
  const auto argument = [&](std::int8_t number) { return call.call.args[static_cast<std::uint8_t>(number)]; };
  copy.thread = call.thread;
  copy.caller = callers_.record(call.thread);
  copy.last_link = row.path.last_link;
  if (row.flags != kNoArgument) copy.flags = argument(row.flags) & 0xFFFFFFFFu;  // an int
  const bool open = row.look == Look::kOpen;
  if (open ? (copy.flags & O_NOFOLLOW) != 0 : (copy.flags & AT_SYMLINK_NOFOLLOW) != 0)
    copy.last_link = FinalLink::kMeant;
  const std::uint64_t address = argument(row.path.path);
  // statx(2) and fstatat(2) take no path at all for a descriptor, since Linux 6.11.
  copy.without_path = address == 0 && !open && (copy.flags & AT_EMPTY_PATH) != 0;
  if (copy.without_path) return 0;
  auto text = read_text(call.thread, address, PATH_MAX - 1);
  if (!text) return text.error() == MemoryProblem::kTooLong ? ENAMETOOLONG : errno_of(text.error());
  copy.path.text = std::move(*text);
  copy.without_path = copy.path.text.empty();
  if (copy.without_path || copy.path.text.starts_with('/')) return 0;
  const int number = row.path.directory == kNoArgument ? AT_FDCWD : static_cast<int>(argument(row.path.directory));
  copy.path.start = number == AT_FDCWD ? copy.caller->working_directory() : copy.caller->descriptor(number);
  return copy.path.start.valid() ? 0 : errno;
}

Answer LookMediator::decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) {
  if (!lookup_) lookup_ = std::exchange(first_lookup_, std::nullopt);
  if (!lookup_) return AnswerErrno{EPERM};
  return perform(id, std::unique_ptr<CopiedLook>(static_cast<CopiedLook*>(copy.release())));
}

Answer LookMediator::perform(std::uint64_t id, std::unique_ptr<CopiedLook> look) {
  std::optional<Spot> spot;
  {
    const ActingIdentity::Scope scope(parts_.acting);
    if (!scope.in_force()) return AnswerErrno{EPERM};
    spot = locate(*look);
    if (spot) return ask_about(id, std::move(look), *spot);
  }
  return go_on(id, *look);
}

// The host's own answer is what the tool did not get. Whoever wants a run explained may know it.
void LookMediator::explain(const CopiedLook& look) {
  if (parts_.explaining == Explaining::kNo || look.missing.empty()) return;
  (void)ActingIdentity::step_back();  // the host as Writ's owner sees it
  struct stat status {};
  if (::fstatat(AT_FDCWD, look.missing.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  AccessRequest request;
  request.path = look.missing;
  request.rights = S_ISDIR(status.st_mode) ? Rights{Right::kList} : Rights{Right::kRead};
  const AccessVerdict verdict = decider_.explain(request);
  if (verdict.verdict == Verdict::kDenied) (void)deny(request, verdict, *look.caller);
}

Answer LookMediator::go_on(std::uint64_t id, CopiedLook& look) {
  explain(look);
  if (look.changes) return parts_.changes->decide(id, std::move(look.changes));
  return kBounded;
}

// In the tool's view the place is a cover that nobody can look into: the lookup ends at it.
std::optional<LookMediator::Spot> LookMediator::locate(CopiedLook& look) const {
  if (look.without_path) return std::nullopt;
  const FoundPlace place = lookup_->find(look.path, look.last_link, *look.caller);
  if (place) {
    if (!*place || (*place)->descriptor.valid()) return std::nullopt;
    if (!(*place)->object) look.missing = (*place)->path();
    const std::string path = (*place)->path();
    const auto index = parts_.places.holding(path);
    // The cover itself may be looked at: that there is such a name is no secret.
    if (!index || (look.row->look == Look::kInspect && path == parts_.places.tree(*index).path)) return std::nullopt;
    return Spot{*index, beneath(path, parts_.places.tree(*index).path)};
  }
  if (place.error() != EACCES && place.error() != ENOTDIR && place.error() != ENOENT) return std::nullopt;
  const auto stop = lookup_->find_stop(look.path, look.last_link, *look.caller);
  const auto index = stop ? parts_.places.holding(stop->directory) : std::nullopt;
  if (stop && !index) look.missing = lexical_path("/", stop->directory + "/" + stop->rest).value_or("");
  if (!index) return std::nullopt;
  const std::string inside = beneath(stop->directory, parts_.places.tree(*index).path);
  Spot spot{*index, inside.empty() ? stop->rest : inside + "/" + stop->rest};
  // Out of the place again: the kernel stops at the cover by itself.
  if (!lexical_path(parts_.places.tree(*index).path, spot.rest)) return std::nullopt;
  return spot;
}

// What does not exist is asked about as what may be there: the tool must not learn from when, or whether, somebody is
// asked, which names there are. Where the place cannot join the view, that includes what cannot be handed over.
AnswerReach LookMediator::reach_of(const CopiedLook& look, const AskedTree& tree) {
  if (!look.may_be_handed_over()) return AnswerReach::kRun;
  if (!tree.whole) return AnswerReach::kCall;
  // A link that leads out of the place can only be followed where the place is in the view.
  if (!look.object && look.object.error() == EXDEV) return AnswerReach::kRun;
  return !look.object || is_of_type(*look.object, S_IFREG) ? AnswerReach::kCallOrRun : AnswerReach::kRun;
}

AccessRequest LookMediator::request_about(const CopiedLook& look, const Spot& spot) const {
  const AskedTree& tree = parts_.places.tree(spot.place);
  const bool directory = look.object && is_of_type(*look.object, S_IFDIR);
  AccessRequest request;
  request.path = look.object ? look.object->path : lexical_path(tree.path, spot.rest).value_or(tree.path);
  request.requested = look.path.text;
  request.thread = look.thread;
  request.caller = look.caller.get();
  request.reach = reach_of(look, tree);
  request.rights = directory && tree.rights.has(Right::kList) ? Rights{Right::kList} : Rights{Right::kRead};
  if (look.row->look == Look::kExecute) request.rights = {Right::kExecute};
  if (look.opens() && (look.flags & kWritingFlags) != 0) request.rights = {Right::kWrite};
  return request;
}

// One file can be handed over. Where only the whole place could join the view, the whole place is what is asked about,
// with everything that it would give; if the policy allows that by itself, the cover is there for another rule's sake.
AccessVerdict LookMediator::verdict_about(std::uint64_t id, AccessRequest& request, const AskedTree& tree) {
  if (request.reach != AnswerReach::kRun || !decider_.may_allow(request)) return decider_.decide(id, request);
  request.path = tree.path;
  request.rights = without(tree.rights, {Right::kWrite});
  AccessVerdict about_place = decider_.decide(id, request);
  if (about_place.verdict == Verdict::kAllowed) about_place.verdict = Verdict::kDenied;
  return about_place;
}

Answer LookMediator::ask_about(std::uint64_t id, std::unique_ptr<CopiedLook> look, const Spot& spot) {
  const AskedTree& tree = parts_.places.tree(spot.place);
  look->place = spot.place;
  if (parts_.places.state(spot.place) == TreeState::kJoining) return wait_for_joining(id, std::move(look));
  if (parts_.places.state(spot.place) == TreeState::kRevoked) return refuse_revoked(*look, spot);
  look->object = parts_.places.find(spot.place, spot.rest, look->last_link);
  AccessRequest request = request_about(*look, spot);
  AccessVerdict refused;
  if (request.rights.has(Right::kWrite)) {
    refused.reason = "nobody is asked about writing outside of trees that the broker writes";
    return deny(request, refused, *look->caller);
  }
  if (look->object && is_hidden(tree, look->object->path)) {
    refused.reason = "it is another name of something that is hidden or denied";
    return deny(request, refused, *look->caller);
  }
  if (request.reach == AnswerReach::kRun && !tree.whole) {
    refused.reason = "part of that place is hidden, so only single files in it are asked about";
    return deny(request, refused, *look->caller);
  }
  const AccessVerdict verdict = verdict_about(id, request, tree);
  if (verdict.verdict == Verdict::kDenied) return deny(request, verdict, *look->caller);
  if (verdict.verdict == Verdict::kAllowed) return allow(id, std::move(look), Approval::kCall);
  asked_[id] = {request, verdict};
  asked_[id].request.caller = nullptr;
  waiting_[id] = std::move(look);
  return AnswerLater{};
}

// What is held of it is not touched, and a file that is opened again is a new name.
Answer LookMediator::refuse_revoked(CopiedLook& look, const Spot& spot) {
  look.object = tl::unexpected<int>(EACCES);  // nothing is looked for there
  AccessVerdict refused;
  refused.reason = "it was allowed earlier in this run, and that was revoked";
  return deny(request_about(look, spot), refused, *look.caller);
}

Answer LookMediator::allow(std::uint64_t id, std::unique_ptr<CopiedLook> look, Approval approval) {
  if (approval == Approval::kRun) return wait_for_joining(id, std::move(look));
  if (!look->object) return AnswerErrno{look->object.error()};
  auto file = AskedTrees::open(*look->object, look->flags);
  if (!file) return AnswerErrno{file.error()};
  return AnswerDescriptor{std::move(*file), (look->flags & O_CLOEXEC) != 0};
}

Answer LookMediator::wait_for_joining(std::uint64_t id, std::unique_ptr<CopiedLook> look) {
  const std::size_t place = look->place;
  if (parts_.places.state(place) == TreeState::kRevoked) return AnswerErrno{EACCES};
  if (parts_.places.state(place) == TreeState::kJoined) return kJoined;
  if (parts_.places.state(place) == TreeState::kCovered) {
    if (!parts_.join(place, parts_.places.tree(place))) return AnswerErrno{EACCES};
    parts_.places.set_state(place, TreeState::kJoining);
  }
  joining_[id] = place;
  waiting_[id] = std::move(look);
  return AnswerLater{};
}

LookMediator::Ended LookMediator::joined(std::size_t place, int error) {
  const bool revoked = parts_.places.state(place) == TreeState::kRevoked;
  if (error == 0) parts_.places.let_go(place);
  if (revoked && error == 0) parts_.leave(place, parts_.places.tree(place));
  if (!revoked) parts_.places.set_state(place, error == 0 ? TreeState::kJoined : TreeState::kCovered);
  Ended ended{{}, error == 0 && !revoked ? 0 : EACCES};
  for (const auto& [id, wanted] : joining_)
    if (wanted == place) ended.calls.push_back(id);
  for (const std::uint64_t id : ended.calls) {
    joining_.erase(id);
    waiting_.erase(id);
  }
  return ended;
}

std::size_t LookMediator::revoke(std::string_view path) {
  std::size_t taken = 0;
  for (std::size_t place = 0; place < parts_.places.count(); ++place) {
    const AskedTree& tree = parts_.places.tree(place);
    if (!path_lies_in(tree.path, path)) continue;
    const TreeState before = parts_.places.state(place);
    if (before == TreeState::kRevoked) continue;
    parts_.places.set_state(place, TreeState::kRevoked);
    if (before == TreeState::kJoined) parts_.leave(place, tree);
    if (before != TreeState::kCovered) ++taken;
  }
  return taken;
}

Answer LookMediator::resume(std::uint64_t id, Approval approval, const std::string& reason) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return AnswerErrno{EPERM};
  std::unique_ptr<CopiedLook> look = std::move(found->second);
  waiting_.erase(found);
  Asked asked = std::exchange(asked_[id], {});
  asked_.erase(id);
  if (approval == Approval::kDenied) {
    asked.verdict.reason = reason;
    return deny(asked.request, asked.verdict, *look->caller);
  }
  const ActingIdentity::Scope scope(parts_.acting);
  if (!scope.in_force()) return AnswerErrno{EPERM};
  // For the run, one object is remembered by the decider, and handed over each time; only a place as a whole joins.
  const bool whole = asked.request.reach == AnswerReach::kRun;
  return allow(id, std::move(look), whole ? approval : Approval::kCall);
}

bool LookMediator::asks_about_one_object(std::uint64_t id) const {
  const auto found = asked_.find(id);
  return found != asked_.end() && found->second.request.reach != AnswerReach::kRun;
}

void LookMediator::abandon(std::uint64_t id) {
  waiting_.erase(id);
  joining_.erase(id);
  if (asked_.erase(id) > 0) decider_.withdraw(id);
  if (parts_.changes != nullptr) parts_.changes->abandon(id);
}

Answer LookMediator::deny(const AccessRequest& request, const AccessVerdict& verdict, const CallerRecord& caller) {
  std::string rule = verdict.rule;
  if (!verdict.rule_origin.empty()) rule += " (" + verdict.rule_origin + ")";
  denials_.add({request.path, request.rights, verdict.cause, std::move(rule), verdict.reason, caller.program(),
                verdict.remedy, 0});
  return AnswerErrno{EACCES};
}

}  // namespace writ
