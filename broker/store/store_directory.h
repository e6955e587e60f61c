// StoreDirectory: the place of the store on disk: a directory that nobody but its owner can enter, with files that
// nobody but their owner can read. Whatever is found there that is not so is refused, not repaired: somebody else may
// have read it, or written it.
#ifndef WRIT_BROKER_STORE_STORE_DIRECTORY_H_
#define WRIT_BROKER_STORE_STORE_DIRECTORY_H_

#include <string>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

inline constexpr const char* kStoreFileName = "writ.db";

// Owns descriptors that say which objects were checked (O_PATH: closing them does not drop the locks that SQLite holds
// on the same file, fcntl(2) "Record locking").
class StoreDirectory {
 public:
  // Makes `directory` (absolute) with mode 0700 and an empty file in it with mode 0600, whatever the umask is, where
  // they do not exist; parents that are missing get mode 0700 as well. Links above the last component are the person's
  // own and are followed. Errors: the last component or a file in it is a link, belongs to somebody else, can be
  // reached by others, has a second name, or is of the wrong kind.
  [[nodiscard]] static Result<StoreDirectory> open(const std::string& directory);

  // The path of the database file, without symbolic links.
  [[nodiscard]] Result<std::string> file_path() const;
  // Says whether the file at `path` still is the one that was checked. To be called once it is open: a directory above
  // may have been exchanged meanwhile. Checks the files that the database has put beside it, too.
  [[nodiscard]] Status verify(const std::string& path) const;

 private:
  StoreDirectory() = default;
  [[nodiscard]] Status check_companions() const;

  std::string name_;  // as given, for messages
  UniqueFd directory_;
  UniqueFd file_;
};

}  // namespace writ

#endif  // WRIT_BROKER_STORE_STORE_DIRECTORY_H_
