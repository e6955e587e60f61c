// TreeSampler: what the processes of one sandbox use together, by looking at each in /proc now and then. For limits
// that no control group holds; what happens between two looks is not seen, except for processor time and writing, which
// the kernel adds to the parent's when it takes note of a child's end.
//
// Needs ptrace access to the processes for what they write, and for exact memory. One thread at a time.
#ifndef WRIT_BROKER_OBSERVATION_TREE_SAMPLER_H_
#define WRIT_BROKER_OBSERVATION_TREE_SAMPLER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace writ {

struct TreeUse {
  std::uint64_t memory = 0;               // bytes, now
  std::chrono::milliseconds cpu_time{0};  // of the living and of all that ended
  std::uint64_t written = 0;              // bytes for disks, of the living and of all that ended
  std::uint64_t processes = 0;            // now, init not among them
  pid_t closed = 0;                       // a process whose writing may not be looked at, 0: none
};

// What to look at; each costs a file for each process.
struct TreeSampling {
  bool memory = false;
  bool cpu_time = false;
  bool written = false;
};

class TreeSampler {
 public:
  // `init` is pid 1 of the sandbox, as we see it.
  TreeSampler(pid_t init, TreeSampling what) : init_(init), what_(what) {}

  [[nodiscard]] TreeUse look();

 private:
  struct Seen {
    std::uint64_t written = 0;
    bool by_init = false;  // its parent was init
    std::uint64_t round = 0;
  };

  std::uint64_t written_by(pid_t process, bool by_init, TreeUse& use);

  pid_t init_;
  TreeSampling what_;
  std::uint64_t round_ = 0;
  std::uint64_t gone_ = 0;  // written by processes that init took note of, which cannot be asked
  std::unordered_map<pid_t, Seen> seen_;
};

// Parts of it, pure, for tests.

// Processor time of a process and of the children it has taken note of, in clock ticks: fields 14 to 17 of
// proc_pid_stat(5). 0 where the text is none.
[[nodiscard]] std::uint64_t ticks_of_stat(std::string_view text);

// The number behind `key:` in a file of lines "key: number".
[[nodiscard]] std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view key);

}  // namespace writ

#endif  // WRIT_BROKER_OBSERVATION_TREE_SAMPLER_H_
