// AnsweringProgram: one run of the program that answers a question (`--approve=command:PATH`): the question goes to its
// standard input, the answer comes from its standard output, and what it says on standard error explains a failure.
//
// It runs in a session and process group of its own, away from the terminal, with no descriptor but those three and
// with an environment that is listed. The destructor kills the group and reaps the process, so that nothing of it
// outlives its question; a descendant that leaves the group is its own. When Writ is killed, the kernel kills the
// program (PR_SET_PDEATHSIG).
//
// Nothing here blocks, but for reaping what was killed. Threads: that which started it. Fork: a child must leave by
// _exit or execve. SIGPIPE must be ignored; SIGCHLD must not be (the kernel would reap).
#ifndef WRIT_BROKER_APPROVAL_ANSWERING_PROGRAM_H_
#define WRIT_BROKER_APPROVAL_ANSWERING_PROGRAM_H_

#include <poll.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/program_starter.h"
#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// What such a program gets of `environment` (environ(7), ends with nullptr): where the person is found (home, display,
// session bus) and the language. Everything else could carry secrets or change how the program is loaded. PATH is the
// system's.
[[nodiscard]] std::vector<std::string> answering_environment(const char* const* environment);

// How a program ended.
struct ProgramEnd {
  std::string output;     // what it wrote to standard output, raw; at most kOutputLimit bytes
  std::string complaint;  // the beginning of what it wrote to standard error, raw
  int wait_status = 0;    // of waitpid(2)
  bool too_much = false;  // it wrote more than is read, and was killed for it
};

class AnsweringProgram {
 public:
  static constexpr std::size_t kOutputLimit = 4097;      // a line of the protocol, and its end
  static constexpr std::size_t kComplaintLimit = 65536;  // bytes of standard error
  static constexpr std::size_t kComplaintKept = 300;     // of these, so many are kept

  // Has `starter` start its program and queues `question` for its standard input. Errors: no process, no descriptor. A
  // program that cannot be executed is not one of them: it ends with the status 127.
  [[nodiscard]] static Result<AnsweringProgram> start(ProgramStarter& starter, std::string question);

  ~AnsweringProgram();
  AnsweringProgram(AnsweringProgram&& other) noexcept;
  AnsweringProgram& operator=(AnsweringProgram&& other) = delete;

  void add_poll_entries(std::vector<pollfd>& entries) const;
  // Writes, reads and looks as far as is possible without waiting. Gives the end once; then nothing is left of it.
  [[nodiscard]] std::optional<ProgramEnd> serve();

 private:
  AnsweringProgram() = default;
  void write_question();
  void read_output();
  void read_complaint();
  [[nodiscard]] bool has_exited() const;
  void kill_all() const;
  void reap();

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd to_;      // its standard input; closed once the question is written
  UniqueFd output_;  // closed at its end
  UniqueFd complaint_;
  std::string unwritten_;
  std::size_t complained_ = 0;
  ProgramEnd end_;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_ANSWERING_PROGRAM_H_
