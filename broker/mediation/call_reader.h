// Reading a mediated call out of its caller: every text, time and value that its arguments point to, and the places
// that its numbers stand for, once. What was read is decided on and used.
//
// Under SeccompListener::id_valid() before and after, like every read about a caller (notification_loop.h).
#ifndef WRIT_BROKER_MEDIATION_CALL_READER_H_
#define WRIT_BROKER_MEDIATION_CALL_READER_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/mediation/caller_record.h"
#include "broker/mediation/decider.h"
#include "broker/mediation/mediated_calls.h"
#include "broker/mediation/notification_handler.h"
#include "broker/mediation/tool_lookup.h"

namespace writ {

// What the object of a call is given as.
enum class ObjectForm : std::uint8_t {
  kPath,
  kDescriptor,  // `start` itself: fchmod, AT_EMPTY_PATH, utimensat without a path
};

struct CopiedCall : CallCopy {
  const MediatedCall* row = nullptr;
  pid_t thread = 0;
  std::shared_ptr<const CallerRecord> caller;
  std::array<std::uint64_t, 6> arguments{};
  std::uint64_t flags = 0;  // of open, or AT_*, RENAME_*
  CopiedPath first;
  CopiedPath second;
  ObjectForm form = ObjectForm::kPath;
  FinalLink last_link = FinalLink::kFollowed;  // of the first path, flags considered
  std::string text;                            // a link's target, an attribute's name
  std::vector<std::byte> bytes;                // an attribute's value
  std::optional<std::array<timespec, 2>> times;
  std::optional<mode_t> umask;       // for calls that make something, other than open
  std::vector<std::string> granted;  // paths that were asked about and allowed, for a call that waited

  // The argument with that number in the table.
  [[nodiscard]] std::uint64_t argument(std::int8_t number) const {
    return arguments.at(static_cast<std::uint8_t>(number));
  }

  // The descriptor at which `path` starts, AT_FDCWD for the working directory.
  [[nodiscard]] int start_number(const CallPath& path) const {
    return path.directory == kNoArgument ? AT_FDCWD : static_cast<int>(argument(path.directory));
  }

  // The argument `index` places after the first of the operation's own.
  [[nodiscard]] std::uint64_t value(int index = 0) const {
    return argument(static_cast<std::int8_t>(row->value + index));
  }
};

// Copies `call`, or says with which errno it ends.
[[nodiscard]] std::variant<std::unique_ptr<CopiedCall>, int> read_mediated_call(const MediatedCall& row,
                                                                                const Notification& call,
                                                                                CallerTable& callers);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_CALL_READER_H_
