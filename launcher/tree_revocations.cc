#include "launcher/tree_revocations.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/base/escape.h"
#include "broker/sandbox/host_path.h"

namespace writ {
namespace {

std::string holder_text(const MountHolder& holder) {
  std::string text = quote_bytes(holder.program) + " (process " + std::to_string(holder.process) + "): ";
  text += kHeldAsNames[static_cast<std::size_t>(holder.as)];
  if (holder.as == HeldAs::kDescriptor) text += " " + std::to_string(holder.descriptor);
  return text;
}

// What the kernel could still take from those who hold something.
std::string restriction_text(const DetachOutcome& outcome) {
  std::string text = "they can read it";
  text += outcome.forbid_writing == 0 ? ", not write" : " and may write to files that are open for writing";
  if (outcome.forbid_execution != 0) text += ", and may execute what is in it";
  return text;
}

bool is_held(const RevokedTree& tree) { return tree.error == 0 && tree.outcome.unmount != 0; }

JsonValue step_json(std::int32_t step) {
  if (step == kStepNotTried) return "not tried";
  return step == 0 ? JsonValue("done") : JsonValue("errno " + std::to_string(step));
}

JsonObject holder_json(const MountHolder& holder) {
  JsonObject object;
  object.set("process", holder.process).set("program", escape_bytes(holder.program));
  object.set("held_as", kHeldAsNames[static_cast<std::size_t>(holder.as)]);
  if (holder.as == HeldAs::kDescriptor) object.set("descriptor", holder.descriptor);
  return object;
}

}  // namespace

std::string revocation_text(const RevokedTree& tree) {
  const std::string start = quote_bytes(tree.path) + ": ";
  if (!tree.done) return start + "the sandbox has not answered yet";
  if (tree.error != 0)
    return start + Error{"it could not be taken out of the view", tree.error, "end the run to be sure"}.describe();
  if (tree.outcome.unmount == 0) return start + "nothing in the sandbox held any of it; nothing is left of the grant";
  std::string text = start + "its names are gone; ";
  if (tree.holders_ended > 0)
    return text + std::to_string(tree.holders_ended) +
           (tree.holders_ended == 1 ? " process that held it was killed" : " processes that held it were killed");
  text += "still held, and " + restriction_text(tree.outcome) + ":";
  for (const MountHolder& holder : tree.holders) text += "\n  " + holder_text(holder);
  if (tree.holders.empty()) text += "\n  nobody was found any more";
  if (tree.not_examined > 0) text += "\n  " + std::to_string(tree.not_examined) + " processes could not be looked at";
  return text;
}

JsonValue revocation_json(const RevokedTree& tree) {
  JsonObject object;
  object.set("path", escape_bytes(tree.path)).set("answered", tree.done);
  if (!tree.done) return object;
  object.set("names_gone", tree.error == 0).set("complete", tree.error == 0 && tree.outcome.unmount == 0);
  object.set("execution_stopped", step_json(tree.outcome.forbid_execution));
  object.set("writing_stopped", step_json(tree.outcome.forbid_writing));
  JsonArray holders;
  for (const MountHolder& holder : tree.holders) holders.add(holder_json(holder));
  object.set("holders", std::move(holders)).set("holders_killed", tree.holders_ended);
  object.set("processes_not_examined", tree.not_examined);
  object.set("text", revocation_text(tree));
  return object;
}

JsonValue handed_over_json(const std::string& path) {
  const std::string text = quote_bytes(path) +
                           ": no name of it is in the view; a file that was handed over before stays readable for "
                           "whoever holds it, until they close it or end";
  JsonObject object;
  object.set("path", escape_bytes(path)).set("answered", true).set("names_gone", true).set("complete", false);
  object.set("text", text);
  return object;
}

void TreeRevocations::take_back(AttachId tree, const std::string& path) {
  RevokedTree& revoked = trees_.emplace_back();
  revoked.path = path;
  revoked.fate = fate_;
  // Afterwards the place shows another mount.
  if (const auto mount = mount_seen_below(sandbox_.init_pid(), path)) revoked.mount = *mount;
  if (const Status sent = sandbox_.detach_tree(tree, path); !sent) {
    revoked.done = true;
    revoked.error = sent.error().system_errno != 0 ? sent.error().system_errno : EIO;
    return;
  }
  pending_.push_back({tree, trees_.size() - 1});
}

const RevokedTree* TreeRevocations::detached(const InitReport& report) {
  const auto found = std::find_if(pending_.begin(), pending_.end(),
                                  [&](const Pending& pending) { return pending.tree == report.tree; });
  if (found == pending_.end()) return nullptr;
  RevokedTree& tree = trees_[found->index];
  pending_.erase(found);
  tree.done = true;
  tree.outcome = report.detach;
  tree.error = report.error;
  if (is_held(tree)) look_for_holders(tree);
  return &tree;
}

std::vector<const RevokedTree*> TreeRevocations::end_holders_below(std::string_view path) {
  std::vector<const RevokedTree*> looked_at;
  for (RevokedTree& tree : trees_) {
    if (!path_lies_in(tree.path, path)) continue;
    tree.fate = HolderFate::kKilled;
    if (!tree.done) continue;
    if (is_held(tree)) look_for_holders(tree);
    looked_at.push_back(&tree);
  }
  return looked_at;
}

void TreeRevocations::look_for_holders(RevokedTree& tree) const {
  if (!tree.mount) {
    tree.not_examined = 1;
    return;
  }
  MountHolders found = find_mount_holders(sandbox_.init_pid(), *tree.mount);
  tree.not_examined = found.not_examined;
  if (tree.fate == HolderFate::kKilled) tree.holders_ended = end_holders(found);
  tree.holders = std::move(found.holders);
}

}  // namespace writ
