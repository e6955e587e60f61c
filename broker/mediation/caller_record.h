// CallerRecord: what the broker keeps of a thread that makes calls: its directory in /proc, which belongs to this very
// thread and not to its number, and its umask for as long as nobody can have changed it.
//
// Ownership: CallerTable owns two descriptors for each record, a bounded number. One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_CALLER_RECORD_H_
#define WRIT_BROKER_MEDIATION_CALLER_RECORD_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/base/unique_fd.h"

namespace writ {

class CallerRecord {
 public:
  explicit CallerRecord(pid_t thread);

  // False when the thread has ended, whoever has its number now.
  [[nodiscard]] bool alive() const;

  // O_PATH on the working directory, or on what descriptor `number` stands for. Invalid, with errno, when there is
  // none.
  [[nodiscard]] UniqueFd working_directory() const;
  [[nodiscard]] UniqueFd descriptor(int number) const;
  // One of the two: the working directory for AT_FDCWD.
  [[nodiscard]] UniqueFd directory(int number) const;
  // The canonical path of the working directory, as the mounts around it have it. Nothing when the thread has ended, or
  // the directory has no name any more. A path found shows that the thread lives: its number is nobody else's.
  [[nodiscard]] std::optional<std::string> working_directory_path() const;
  // The same for the directory that descriptor `number` stands for; nothing also for what is no directory.
  [[nodiscard]] std::optional<std::string> directory_path(int number) const;
  // Its own directory in our /proc, for what the tool calls /proc/self.
  [[nodiscard]] int proc() const { return proc_.get(); }

  // Nothing when it cannot be read.
  [[nodiscard]] std::optional<mode_t> read_umask() const;
  // The program that it runs, as its own view names it; for messages. Empty when it cannot be read.
  [[nodiscard]] std::string program() const;
  // Its command line as it is now: the tool's own bytes, which it may have changed; at most kArgumentBytes of it. For
  // messages.
  [[nodiscard]] std::vector<std::string> arguments() const;
  static constexpr std::size_t kArgumentBytes = 8192;

 private:
  UniqueFd proc_;
  UniqueFd working_directory_link_;  // the link itself: reading it so spares the kernel the way to it
};

class CallerTable {
 public:
  // The record of `thread`, made anew where the number belongs to another thread by now. Believe it only if the call's
  // id is valid afterwards; then it stays that thread's, whatever becomes of the number.
  [[nodiscard]] std::shared_ptr<const CallerRecord> record(pid_t thread);

  // The record that is kept under this number, or nullptr: perhaps another thread's, which has ended.
  [[nodiscard]] std::shared_ptr<const CallerRecord> remembered(pid_t thread) const;

  // The umask for a call of `thread`, whose record is `known`. Read from /proc, and remembered until some thread of the
  // sandbox calls umask(2).
  [[nodiscard]] std::optional<mode_t> umask_of(pid_t thread, const CallerRecord& known);
  // `thread` is about to change its umask: from here on nothing that was remembered counts. Until its next call nobody
  // knows whether it has done so.
  void umask_changes(pid_t thread);
  // `thread` makes a call: whatever it did before is done.
  void note_call(pid_t thread);

 private:
  struct Entry {
    std::shared_ptr<const CallerRecord> record;
    std::optional<mode_t> umask;
    std::uint64_t generation = 0;
  };
  Entry& entry(pid_t thread);

  std::map<pid_t, Entry> entries_;
  std::set<pid_t> changing_;
  std::uint64_t generation_ = 0;
  bool lost_count_ = false;  // of those that are changing their umask: nothing is remembered any more
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_CALLER_RECORD_H_
