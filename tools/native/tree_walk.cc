#include "tools/native/tree_walk.h"

#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "tools/native/workspace_files.h"

namespace writ::tools {
namespace {

constexpr std::size_t kDepthLimit = 256;

class Walk {
 public:
  Walk(BrokerDoor& door, HiddenNames hidden, const FileVisitor& visit) : door_(door), hidden_(hidden), visit_(visit) {}

  ToolResult<WalkOutcome> run(const std::string& root) {
    DoorResult<Directory> directory = read_directory(door_, root, kEntriesLimit);
    if (!directory && directory.error().code == FailureCode::kWrongKind) return run_file(root);
    if (!directory) return refuse_request("list " + quote_bytes(root), directory.error());
    const std::string prefix = prefix_of(root);
    root_size_ = prefix.size();
    push(std::move(*directory), prefix);
    while (!levels_.empty()) {
      WRIT_TOOL_ASSIGN(const WalkStep step, take_next());
      if (step == WalkStep::kStop) {
        outcome_.complete = false;
        break;
      }
    }
    return outcome_;
  }

 private:
  // A directory that is being walked through.
  struct Level {
    Directory directory;
    std::string prefix;  // of the names in it
    std::size_t next = 0;
  };

  static std::string prefix_of(const std::string& root) {
    if (root == ".") return {};
    return root.ends_with('/') ? root : root + "/";
  }

  ToolResult<WalkOutcome> run_file(const std::string& path) {
    const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
    WRIT_TOOL_ASSIGN(const WalkStep step, visit_(WalkedFile{path, name}));
    outcome_.complete = step == WalkStep::kGoOn;
    return outcome_;
  }

  void push(Directory directory, std::string prefix) {
    outcome_.complete = outcome_.complete && directory.complete;
    levels_.push_back({std::move(directory), std::move(prefix)});
  }

  ToolResult<WalkStep> take_next() {
    Level& level = levels_.back();
    if (level.next == level.directory.entries.size()) {
      levels_.pop_back();
      return WalkStep::kGoOn;
    }
    const DirectoryEntry& entry = level.directory.entries[level.next++];
    if (hidden_ == HiddenNames::kPassedOver && entry.name.starts_with('.')) return WalkStep::kGoOn;
    if (entry.escaped) {
      ++outcome_.skipped;
      return WalkStep::kGoOn;
    }
    const std::string path = level.prefix + entry.name;
    if (entry.kind == EntryKind::kDirectory) return enter(path);
    if (entry.kind != EntryKind::kFile) return WalkStep::kGoOn;
    return visit_(WalkedFile{path, std::string_view(path).substr(root_size_)});
  }

  ToolResult<WalkStep> enter(const std::string& path) {
    DoorResult<Directory> directory = levels_.size() < kDepthLimit
                                          ? read_directory(door_, path, kEntriesLimit)
                                          : tl::unexpected(RequestError{FailureCode::kTooLarge, {}});
    if (directory)
      push(std::move(*directory), path + "/");
    else if (concerns_one_place(directory.error().code))
      ++outcome_.skipped;
    else
      return refuse_request("list " + quote_bytes(path), directory.error());
    return WalkStep::kGoOn;
  }

  BrokerDoor& door_;
  HiddenNames hidden_;
  const FileVisitor& visit_;
  WalkOutcome outcome_;
  std::vector<Level> levels_;
  std::size_t root_size_ = 0;
};

}  // namespace

ToolResult<WalkOutcome> walk_tree(BrokerDoor& door, const std::string& root, HiddenNames hidden,
                                  const FileVisitor& visit) {
  return Walk(door, hidden, visit).run(root);
}

bool concerns_one_place(FailureCode code) {
  switch (code) {
    case FailureCode::kDenied:
    case FailureCode::kNotFound:
    case FailureCode::kWrongKind:
    case FailureCode::kTooLarge:
    case FailureCode::kFailed:
      return true;
    default:
      return false;
  }
}

}  // namespace writ::tools
