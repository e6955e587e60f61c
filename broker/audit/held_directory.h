// HeldDirectory: Writ's own directories and the files in them, opened so that nothing planted there earlier leads
// elsewhere (docs/attacks.md, 25). A held directory is a descriptor; names in it are single ones, and no symbolic link
// is followed. What belongs to somebody else, or can be written by somebody else, is refused.
//
// Threads: as safe as a descriptor. Fork: close-on-exec.
#ifndef WRIT_BROKER_AUDIT_HELD_DIRECTORY_H_
#define WRIT_BROKER_AUDIT_HELD_DIRECTORY_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

class HeldDirectory {
 public:
  // A directory that the person chose: links on the way are their own. Nobody else may write it, or what is written
  // there could be replaced (a sticky directory such as /tmp will do).
  [[nodiscard]] static Result<HeldDirectory> open(const std::string& path);
  // The same, made with its parents (mode 0700) where it is missing.
  [[nodiscard]] static Result<HeldDirectory> make(const std::string& path);

  // The directory `name` in this one, made (mode 0700) where it is missing.
  [[nodiscard]] Result<HeldDirectory> make_below(const std::string& name) const;

  // Opens a regular file of our own that has no other name and that nobody else can write. Errors: with
  // system_errno ENOENT where there is none and O_CREAT is not among `flags`; a link, another kind of file, another
  // owner, a mode that lets others write.
  [[nodiscard]] Result<UniqueFd> open_file(const std::string& name, int flags, mode_t mode = 0600) const;

  [[nodiscard]] int descriptor() const { return directory_.get(); }
  // For messages.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }

 private:
  HeldDirectory(UniqueFd directory, std::string path) : directory_(std::move(directory)), path_(std::move(path)) {}
  UniqueFd directory_;
  std::string path_;
};

// Writes all of `text`. Errors: those of write(2); a full disk is ENOSPC.
[[nodiscard]] Status write_all(int fd, std::string_view text, const std::string& path);

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_HELD_DIRECTORY_H_
