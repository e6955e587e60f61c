// Link aliases: the other names of files that must not be reached by any name. A rule speaks of a path; a hard link
// (link(2)) is another path of the same file, and a mount over one name leaves the others open.
//
// Looks only; changes nothing. Threads: call before the tool runs. Fork: descriptors are close-on-exec.
#ifndef WRIT_BROKER_GRANT_LINK_ALIASES_H_
#define WRIT_BROKER_GRANT_LINK_ALIASES_H_

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// A file that is looked for.
struct LinkedFile {
  dev_t device = 0;
  ino_t inode = 0;

  [[nodiscard]] friend bool operator==(const LinkedFile&, const LinkedFile&) = default;
};

// A name of one of the files. `object` is O_PATH on it: mount over what was found, whatever the name means by then.
struct LinkAlias {
  std::size_t tree = 0;  // index into the searched trees
  std::string relative;  // below the tree's root
  std::size_t file = 0;  // index into the wanted files
  UniqueFd object;
};

inline constexpr std::size_t kAliasSearchLimit = 400'000;  // entries looked at; a few hundred milliseconds

// Returns the files beneath the directory `root` (O_PATH is enough; not a directory: the file itself) that have more
// than one name. Errors: more than `limit` entries, or what getdents64(2) reports for a directory that we may read.
[[nodiscard]] Result<std::vector<LinkedFile>> linked_files_beneath(int root, std::size_t limit = kAliasSearchLimit);

// Finds every name that the `wanted` files have in the `trees` (borrowed O_PATH directories), following no link. Trees
// may overlap; a name that lies in two of them is reported for both. Directories that we may not read are skipped: as
// the tool's identity has no more rights there, it cannot find names in them either. Errors: more than `limit` entries.
[[nodiscard]] Result<std::vector<LinkAlias>> find_link_aliases(std::span<const int> trees,
                                                               std::span<const LinkedFile> wanted,
                                                               std::size_t limit = kAliasSearchLimit);

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_LINK_ALIASES_H_
