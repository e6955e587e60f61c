// Stopping Writ itself, for the shell or the supervisor that will continue it with SIGCONT.
//
// Other threads must have SIGTSTP blocked. Nobody is stopped where SIGTSTP was ignored from the start (a shell without
// job control), or, with the default action, in an orphaned process group: the kernel knows that nobody would continue
// it there (POSIX, "orphaned process group").
#ifndef WRIT_LAUNCHER_STOP_SELF_H_
#define WRIT_LAUNCHER_STOP_SELF_H_

#include <cstdint>

namespace writ {

enum class StopReach : std::uint8_t {
  kProcessGroup,  // as the key at the terminal would have
  kThisProcess,   // the signal came to us, and whoever else it was for has got it
  kInAnyCase,     // as kThisProcess, in an orphaned group too: a process asked for it, which will also continue us
};

enum class Continued : std::uint8_t { kNeverStopped, kAfterStop };

// Returns once continued. Takes the SIGCONT, where the caller has blocked it, so that it is not seen a second time.
Continued stop_self(StopReach reach);

}  // namespace writ

#endif  // WRIT_LAUNCHER_STOP_SELF_H_
