// Standing approvals: what was answered with `always`, in a file of the person's, one for each profile
// (${XDG_CONFIG_HOME}/writ/approvals/PROFILE.yaml), which answers in later runs before anybody is asked.
//
// Threads: one at a time.
#ifndef WRIT_LAUNCHER_STANDING_APPROVALS_H_
#define WRIT_LAUNCHER_STANDING_APPROVALS_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/approval/approval_file.h"
#include "broker/approval/approval_question.h"
#include "broker/base/error.h"

namespace writ {

// The deepest directory above `path` that exists, or what is at `path` itself.
[[nodiscard]] std::string existing_part(std::string path);

class StandingApprovals {
 public:
  // Reads what is there. `writable_places`: host paths of trees that the tool can write; in one of them no answer is
  // written, and a file that is there already is an error (check_approval_file_place()). So is one that is wrong.
  // A profile whose name cannot be a file's has none.
  [[nodiscard]] static Result<StandingApprovals> open(const std::string& configuration_home,
                                                      std::string_view profile_name,
                                                      std::span<const std::string> writable_places);

  // What an earlier `always` answers; nothing: somebody has to be asked.
  [[nodiscard]] std::optional<ApprovalAnswer> find(const ApprovalQuestion& question) const {
    return known_ ? known_->find(question) : std::nullopt;
  }
  // From now on find() knows nothing.
  void forget() { known_.reset(); }

  [[nodiscard]] bool can_write() const { return writable_; }
  // Appends an entry for later runs. Error: the file would not be one of approvals any more, or cannot be written.
  [[nodiscard]] Status append(const std::string& entry) const;

 private:
  std::string path_;
  bool writable_ = false;
  std::optional<ApprovalFile> known_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_STANDING_APPROVALS_H_
