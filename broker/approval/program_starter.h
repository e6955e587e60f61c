// ProgramStarter: a small process that starts the program which answers questions, again and again. It is forked before
// the broker gives up starting programs at all (broker_confinement.h), and knows one program: whoever takes the broker
// over can have that program run, and nothing else.
//
// What it starts are children of the broker itself (CLONE_PARENT), which waits for them; they die with it. It keeps a
// socket and no other descriptor, has the capabilities of a supervising broker, and is non-dumpable.
//
// Ownership: destroying it ends the process. Threads: one at a time. Fork: start it while there is one thread.
#ifndef WRIT_BROKER_APPROVAL_PROGRAM_STARTER_H_
#define WRIT_BROKER_APPROVAL_PROGRAM_STARTER_H_

#include <sys/types.h>

#include <array>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// What is executed: an absolute path, and the environment as "NAME=value".
struct ProgramToAsk {
  std::string path;
  std::vector<std::string> environment;
};

// A child of the caller that executes the program, or is about to.
struct StartedProgram {
  pid_t pid = -1;
  UniqueFd pidfd;
};

class ProgramStarter {
 public:
  // Forks. Errors: no process, no descriptor.
  [[nodiscard]] static Result<ProgramStarter> start(ProgramToAsk program);

  ProgramStarter(ProgramStarter&& other) noexcept;
  ProgramStarter& operator=(ProgramStarter&&) = delete;
  ~ProgramStarter();

  // Starts the program with copies of the three borrowed streams as 0, 1 and 2, in a session of its own. Errors: no
  // process; the starter is gone. A program that cannot be executed ends with the status 127.
  [[nodiscard]] Result<StartedProgram> run(const std::array<int, 3>& streams);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  ProgramStarter(pid_t pid, UniqueFd socket, std::string path)
      : pid_(pid), socket_(std::move(socket)), path_(std::move(path)) {}

  pid_t pid_ = -1;
  UniqueFd socket_;
  std::string path_;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_PROGRAM_STARTER_H_
