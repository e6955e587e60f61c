// Every name that one program has in a view: through links, as a hard link, and through a directory that is mounted
// twice. A rule about a program is worth nothing if the program is still there under another name.
//
// Looks only. Needs nothing but read access to the directories; single-threaded with the view's builder.
#ifndef WRIT_BROKER_SANDBOX_PROGRAM_NAMES_H_
#define WRIT_BROKER_SANDBOX_PROGRAM_NAMES_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// A program as an object of the host, and one name of it.
struct FoundProgram {
  UniqueFd object;       // O_PATH
  std::string path;      // canonical in the view: no component is a link
  std::string found_at;  // the path that led to it
  dev_t device = 0;
  ino_t inode = 0;
  nlink_t links = 0;
};

// Opens a program as the tool would, following links: an absolute path, or a name in each of `directories`. What is no
// regular, executable file is left out. Errors: a kernel that does not say where it was found.
[[nodiscard]] Result<std::vector<FoundProgram>> find_program_along(int view_root, const std::string& name_or_path,
                                                                   const std::vector<std::string>& directories);

struct NameSearch {
  int view_root = -1;                    // borrowed
  std::vector<std::string> directories;  // of PATH: searched first
  std::vector<std::string> trees;        // places in the view of everything that was granted
};

// Returns every name of `program`, canonical and sorted. The directories of the search and its own are looked through
// where it has several links; the granted trees where those do not account for all. Errors: links that cannot be found,
// so that the program could be reached by a name that nobody knows; more entries than can be looked at.
[[nodiscard]] Result<std::vector<std::string>> find_program_names(const NameSearch& search,
                                                                  const FoundProgram& program);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_PROGRAM_NAMES_H_
