#include "broker/mediation/write_mediator.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/base/escape.h"

namespace writ {
namespace {

// A lookup and the act on what it found are two looks at a tree that others on the host may change: then both are made
// anew, a few times.
constexpr int kAttempts = 4;

AccessVerdict because_protected(std::string reason) {
  return {Verdict::kDenied, DecisionCause::kProtected, {}, {}, std::move(reason), {}};
}

bool changes_names(Operation operation) {
  return operation == Operation::kRename || operation == Operation::kUnlink || operation == Operation::kMakeNode ||
         operation == Operation::kLink || operation == Operation::kSymlink;
}

bool was_moved(const Answer& answer) {
  const auto* error = std::get_if<AnswerErrno>(&answer);
  return error != nullptr && error->error == ESTALE;
}

}  // namespace

WriteMediator::WriteMediator(MediationParts parts, Decider& decider, DenialLog& denials)
    : parts_(std::move(parts)), decider_(decider), denials_(denials) {}

std::variant<std::unique_ptr<CallCopy>, Answer> WriteMediator::read(const Notification& call) {
  const MediatedCall* row = find_mediated_call(call.call.nr);
  if (row == nullptr) return Answer(AnswerErrno{ENOSYS});
  // As the tool: a root without CAP_DAC_OVERRIDE may not look into its /proc.
  const ActingIdentity::Scope scope(parts_.acting);
  if (!scope.in_force()) return Answer(AnswerErrno{EPERM});
  if (!lookup_) {
    auto opened = ToolLookup::open(call.thread);
    if (!opened) return Answer(AnswerErrno{EPERM});
    first_lookup_.emplace(std::move(*opened));
  }
  callers_.note_call(call.thread);
  auto copied = read_mediated_call(*row, call, callers_);
  if (const int* error = std::get_if<int>(&copied)) return Answer(AnswerErrno{*error});
  return std::unique_ptr<CallCopy>(std::move(std::get<std::unique_ptr<CopiedCall>>(copied)));
}

Answer WriteMediator::decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) {
  if (!lookup_) lookup_ = std::exchange(first_lookup_, std::nullopt);
  std::unique_ptr<CopiedCall> call(static_cast<CopiedCall*>(copy.release()));
  const ActingIdentity::Scope scope(parts_.acting, call->umask);
  if (!scope.in_force() || !lookup_) return AnswerErrno{EPERM};
  Work work{id, *call};
  Answer answer = perform(work);
  for (int attempt = 1; was_moved(answer) && attempt < kAttempts; ++attempt) answer = perform(work);
  // Not the same object in both mounts: the view hides what the tree has there.
  if (was_moved(answer)) return AnswerErrno{EACCES};
  if (std::holds_alternative<AnswerLater>(answer)) waiting_[id] = std::move(call);
  return answer;
}

Answer WriteMediator::resume(std::uint64_t id, Approval approval, const std::string& reason) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return AnswerErrno{EPERM};
  std::unique_ptr<CopiedCall> call = std::move(found->second);
  waiting_.erase(found);
  Asked asked = std::exchange(asked_[id], {});
  asked_.erase(id);
  if (approval == Approval::kDenied) {
    asked.verdict.reason = reason;
    Work work{id, *call};
    return deny(work, asked.request, asked.verdict);
  }
  call->granted.push_back(std::move(asked.request.path));
  return decide(id, std::move(call));
}

Answer WriteMediator::perform(Work& work) {
  if (changes_names(work.call.row->operation)) door_.forget_files();
  switch (work.call.row->operation) {
    case Operation::kOpen:
      return open(work);
    case Operation::kMakeDirectory:
      return make_directory(work);
    case Operation::kMakeNode:
      return make_node(work);
    case Operation::kUnlink:
      return unlink(work);
    case Operation::kRename:
      return rename(work);
    case Operation::kLink:
      return link(work);
    case Operation::kSymlink:
      return symlink(work);
    case Operation::kTruncate:
      return change_object(work, &WriteMediator::truncate);
    case Operation::kChangeMode:
      return change_object(work, &WriteMediator::change_mode);
    case Operation::kChangeOwner:
      return change_object(work, &WriteMediator::change_owner);
    case Operation::kSetTimes:
      return change_object(work, &WriteMediator::set_times);
    case Operation::kSetAttribute:
      return change_object(work, &WriteMediator::set_attribute);
    case Operation::kRemoveAttribute:
      return change_object(work, &WriteMediator::remove_attribute);
    case Operation::kAccess:
      return access(work);
    case Operation::kUmask:
      callers_.umask_changes(work.call.thread);
      return AnswerContinue{"changes the caller's own mask and nothing else"};
  }
  return AnswerErrno{ENOSYS};
}

WriteMediator::FoundTarget WriteMediator::target_at(Place place) const {
  Target target;
  target.path = place.path();
  target.tree = parts_.trees.holding(target.path);
  target.place = std::move(place);
  if (target.tree == nullptr)
    return tl::unexpected<Answer>(
        AnswerContinue{"not in a mediated tree: the view bounds it, and a mediated tree is read-only there"});
  return target;
}

WriteMediator::FoundTarget WriteMediator::target(const Work& work, const CopiedPath& path, FinalLink last_link) const {
  FoundPlace place = lookup_->find(path, last_link, *work.call.caller);
  if (!place) return tl::unexpected<Answer>(AnswerErrno{place.error()});
  if (!*place) return tl::unexpected<Answer>(AnswerContinue{"a place of the kernel's: /proc is read-only in the view"});
  if ((*place)->descriptor.valid()) return target_of_descriptor((*place)->descriptor.get());
  return target_at(std::move(**place));
}

WriteMediator::FoundTarget WriteMediator::target_of_descriptor(int descriptor) const {
  std::string path;
  // Through a descriptor that came from here the tool may do what it was given it for: a regular file for writing, that
  // is, and never a directory. Every other descriptor has the view's own, bounded mounts.
  if (parts_.trees.holding_descriptor(descriptor, path) != nullptr)
    return tl::unexpected<Answer>(AnswerContinue{"a file that the broker opened for the tool's writing"});
  FoundPlace place = lookup_->find_object(descriptor);
  if (!place || !*place)
    return tl::unexpected<Answer>(
        AnswerContinue{"not in a mediated tree: the view bounds it, and a mediated tree is read-only there"});
  return target_at(std::move(**place));
}

WriteMediator::FoundTarget WriteMediator::object_target(const Work& work) const {
  if (work.call.form == ObjectForm::kDescriptor) return target_of_descriptor(work.call.first.start.get());
  return target(work, work.call.first, work.call.last_link);
}

bool WriteMediator::is_alias(const struct stat& status) {
  if (!S_ISREG(status.st_mode) || status.st_nlink <= 1) return false;
  if (!shielded_.collected()) shielded_.collect(parts_.trees, parts_.shields);
  return shielded_.hold(status.st_dev, status.st_ino);
}

AccessRequest WriteMediator::request_of(const Work& work, Rights rights, const Target& target) {
  return {rights, target.path, work.call.first.text, AnswerReach::kCallOrRun, work.call.thread, work.call.caller.get()};
}

std::optional<Answer> WriteMediator::refuse(Work& work, Rights rights, const Target& target, Change change) {
  const AccessRequest request = request_of(work, rights, target);
  // What somebody allowed about this very path stands in for the policy's word, and for nothing of what follows.
  const bool allowed =
      std::find(work.call.granted.begin(), work.call.granted.end(), target.path) != work.call.granted.end();
  const AccessVerdict verdict =
      allowed ? AccessVerdict{Verdict::kAllowed, {}, {}, {}, {}, {}} : decider_.decide(work.id, request);
  if (verdict.verdict == Verdict::kLater) {
    asked_[work.id] = {request, verdict};
    asked_[work.id].request.caller = nullptr;
    return AnswerLater{};
  }
  if (verdict.verdict != Verdict::kAllowed) return deny(work, request, verdict);
  const bool directory = target.place.object && S_ISDIR(target.place.object->st_mode);
  const bool keeps_way = change == Change::kKeepsWay && (directory || !target.place.object);
  const std::string_view shielded = parts_.shields.beneath(target.path);
  if (!keeps_way && !shielded.empty())
    return deny(work, request,
                because_protected("it would give the protected name " + quote_bytes(shielded) + " another meaning"));
  if (!parts_.shields.alias_of(target.path).empty())
    return deny(work, request, because_protected("a protected name leads here through a link"));
  if (target.place.object && is_alias(*target.place.object))
    return deny(work, request, because_protected("it is another name of a protected file"));
  return std::nullopt;
}

Answer WriteMediator::deny(Work& work, const AccessRequest& request, const AccessVerdict& verdict) {
  std::string rule = verdict.rule;
  if (!verdict.rule_origin.empty()) rule += " (" + verdict.rule_origin + ")";
  denials_.add({request.path, request.rights, verdict.cause, std::move(rule), verdict.reason,
                work.call.caller->program(), verdict.remedy, 0});
  return AnswerErrno{EACCES};
}

}  // namespace writ
