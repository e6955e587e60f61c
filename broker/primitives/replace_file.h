// replace_file: the new content of a file, all of it or nothing, and only where the old one is what somebody expected.
//
// The content is written to a file without a name and put in the old one's place in one step. What was there is looked
// at once more after that step, when nobody can change it any more by its name: if it is not what was decided on, it is
// put back. The caller has the directory's turn (filesystem_turn.h), so that no other session sees what does not stay.
// Where a file system has no such step (renameat2(2), RENAME_EXCHANGE), the comparison comes right before.
#ifndef WRIT_BROKER_PRIMITIVES_REPLACE_FILE_H_
#define WRIT_BROKER_PRIMITIVES_REPLACE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/primitives/primitive.h"

namespace writ {

// The largest file whose content is compared with an expectation; what a tool reads is far below it.
inline constexpr std::size_t kComparedLimit = std::size_t{16} << 20;

enum class Overwriting : std::uint8_t { kAllowed, kRefused };

struct FileExpectation {
  Overwriting overwriting = Overwriting::kAllowed;
  // SHA-256 of the content, 64 digits, or "missing"; nothing: whatever is there.
  std::optional<std::string> content;
  int cancel = -1;  // borrowed; ready to read, or hung up: nobody waits for the answer any more
};

enum class Replaced : std::uint8_t { kCreated, kReplaced };

// The name in the directory that is borrowed as `parent` (O_PATH is enough). Errors: kExists, kConflict, kWrongKind (no
// regular file, several hard links), kDenied, kLimit (no space), kTooLarge (a content is expected, and what is there is
// longer than kComparedLimit), kCancelled; then the bytes that were there are there.
[[nodiscard]] Attempt<Replaced> replace_file(int parent, const std::string& name, std::string_view content,
                                             const FileExpectation& expected);

inline constexpr std::string_view kMissing = "missing";

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_REPLACE_FILE_H_
