// A CommandStarter without Writ: executes what stands after "--", so that the waiting can be tried out anywhere.
#ifndef WRIT_TESTS_UNIT_PLAIN_STARTER_H_
#define WRIT_TESTS_UNIT_PLAIN_STARTER_H_

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "broker/primitives/command_starter.h"

namespace writ::primitive_tests {

class PlainStarter final : public CommandStarter {
 public:
  PlainStarter() {
    std::signal(SIGPIPE, SIG_IGN);
    if (::mkdtemp(temporary_.data()) == nullptr) temporary_ = "/nonexistent";
  }
  ~PlainStarter() override {
    std::error_code ignored;
    std::filesystem::remove_all(temporary_, ignored);
  }

  Result<UniqueFd> start(const std::vector<std::string>& arguments, const std::array<int, 3>& streams) override {
    last = arguments;
    if (fails) return fail("nothing is started here");
    const pid_t child = ::fork();
    if (child == 0 && status >= 0) ::_exit(status);
    if (child == 0) become(arguments, streams);
    ++started;
    process = child;
    const long pidfd = ::syscall(SYS_pidfd_open, child, 0);
    if (pidfd < 0) return fail_errno(errno, "pidfd_open");
    return UniqueFd(static_cast<int>(pidfd));
  }

  bool fails = false;
  int status = -1;  // from 0: the run does nothing but end with it
  int started = 0;
  pid_t process = -1;
  std::vector<std::string> last;

 private:
  [[noreturn]] void become(const std::vector<std::string>& arguments, const std::array<int, 3>& streams) const {
    std::signal(SIGPIPE, SIG_DFL);
    ::setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);  // as the sandbox has it
    ::setenv("TMPDIR", temporary_.c_str(), 1);            // what is killed leaves its files there
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int number = 0; number < 3; ++number) {
      const int stream = streams[static_cast<std::size_t>(number)];
      ::dup2(stream < 0 ? nothing : stream, number);
    }
    std::vector<char*> words;
    for (auto word = std::find(arguments.begin(), arguments.end(), "--") + 1; word != arguments.end(); ++word)
      words.push_back(const_cast<char*>(word->c_str()));
    words.push_back(nullptr);
    ::execvp(words.front(), words.data());
    ::_exit(kNotFound);
  }
  static constexpr int kNotFound = 127;
  std::string temporary_ = "/tmp/writ-plain-XXXXXX";
};

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int fd = 0; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) ++count;
  return count;
}

// Whether the process is gone and was waited for.
inline bool is_gone(pid_t process) { return ::kill(process, 0) != 0 && errno == ESRCH; }

}  // namespace writ::primitive_tests

#endif  // WRIT_TESTS_UNIT_PLAIN_STARTER_H_
