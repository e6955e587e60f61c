// Finding the program of a launch inside the view, as the tool itself would find it, and what has to be executed for
// it.
#ifndef WRIT_BROKER_SANDBOX_PROGRAM_H_
#define WRIT_BROKER_SANDBOX_PROGRAM_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

struct Program {
  UniqueFd executable;                 // what execveat(2) executes: the program, or the interpreter of a script
  std::string executable_path;         // its path in the view
  std::string path;                    // of the program in the view, for a script its own
  std::vector<std::string> arguments;  // complete argument vector, for a script with the interpreter's part in front
};

// Why there is no program; decides between the exit statuses 127 and 126 of env(1).
enum class ProgramProblem : int { kNotFound = 127, kNotExecutable = 126 };

struct ProgramError {
  ProgramProblem problem;
  Error error;
};

struct ProgramRequest {
  int view_root = -1;             // borrowed: everything is resolved beneath it, RESOLVE_IN_ROOT
  std::vector<std::string> argv;  // not empty
  std::string search_path;        // value of PATH in the sandbox
  std::string working_directory;  // in the view
};

// Resolves argv[0] like execvp(3): a name with a slash is taken relative to the working directory, another one is
// looked up along the search path. A file that starts with "#!" is resolved to its interpreter (at most four deep),
// because a script executed by descriptor would leak it and get a false $0; a file without any magic goes to /bin/sh
// like in execvp(3). Only looks: nothing is executed.
[[nodiscard]] tl::expected<Program, ProgramError> resolve_program(const ProgramRequest& request);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_PROGRAM_H_
