// Reading the memory of another process: page borders, holes, limits.
#include "broker/kernel/process_memory.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>

namespace writ {
namespace {

constexpr std::size_t kPage = 4096;

// Two pages and a hole behind them, shared with a child that sleeps: what is written here before the fork is there.
class Sleeper {
 public:
  Sleeper() {
    void* mapped = ::mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(mapped != MAP_FAILED);
    bytes = static_cast<char*>(mapped);
    REQUIRE(::munmap(bytes + 2 * kPage, kPage) == 0);
  }
  void start() {
    pid = ::fork();
    if (pid != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  ~Sleeper() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    ::munmap(bytes, 2 * kPage);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  [[nodiscard]] std::uint64_t at(std::size_t offset) const { return reinterpret_cast<std::uint64_t>(bytes + offset); }

  char* bytes = nullptr;
  pid_t pid = -1;
};

TEST_CASE("texts are read to their end, across pages and up to a hole") {
  Sleeper sleeper;
  std::memset(sleeper.bytes, 'a', 2 * kPage);
  sleeper.bytes[10] = '\0';
  sleeper.bytes[2 * kPage - 1] = '\0';
  sleeper.start();
  CHECK(read_text(sleeper.pid, sleeper.at(0), 100) == std::string(10, 'a'));
  CHECK(read_text(sleeper.pid, sleeper.at(10), 0) == std::string());
  CHECK(read_text(sleeper.pid, sleeper.at(11), 2 * kPage) == std::string(2 * kPage - 12, 'a'));
  CHECK(read_text(sleeper.pid, sleeper.at(2 * kPage - 3), 5) == std::string("aa"));
  CHECK(read_text(sleeper.pid, sleeper.at(11), 2 * kPage - 12) == std::string(2 * kPage - 12, 'a'));
  CHECK(read_text(sleeper.pid, sleeper.at(11), 2 * kPage - 13).error() == MemoryProblem::kTooLong);
}

TEST_CASE("what is not mapped is bad memory, also behind the first page") {
  Sleeper sleeper;
  std::memset(sleeper.bytes, 'a', 2 * kPage);
  sleeper.start();
  CHECK(read_text(sleeper.pid, sleeper.at(0), 100'000).error() == MemoryProblem::kBadMemory);
  CHECK(read_text(sleeper.pid, 0, 100).error() == MemoryProblem::kBadMemory);
  CHECK(read_text(sleeper.pid, ~std::uint64_t{0}, 100).error() == MemoryProblem::kBadMemory);
  CHECK(read_text(sleeper.pid, 0xFFFF800000000000u, 100).error() == MemoryProblem::kBadMemory);
  std::array<std::byte, 64> into{};
  CHECK(read_memory(sleeper.pid, sleeper.at(2 * kPage - 32), into).error() == MemoryProblem::kBadMemory);
  CHECK(read_memory(sleeper.pid, sleeper.at(kPage - 32), into));
  CHECK(errno_of(MemoryProblem::kBadMemory) == EFAULT);
}

TEST_CASE("a process that is gone is told apart") {
  Sleeper sleeper;
  sleeper.start();
  const pid_t pid = sleeper.pid;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  sleeper.pid = -1;
  CHECK(read_text(pid, sleeper.at(0), 100).error() == MemoryProblem::kGone);
}

TEST_CASE("arrays end at their null pointer and hold their limits") {
  Sleeper sleeper;
  const std::array<const char*, 3> words = {"git", "push", "--force"};
  std::array<std::uint64_t, 4> pointers{};
  std::size_t at = kPage;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::strcpy(sleeper.bytes + at, words[i]);
    pointers[i] = sleeper.at(at);
    at += std::strlen(words[i]) + 1;
  }
  // The array itself ends exactly at a page border.
  std::memcpy(sleeper.bytes + kPage - sizeof pointers, pointers.data(), sizeof pointers);
  sleeper.start();
  const std::uint64_t array = sleeper.at(kPage - sizeof pointers);
  CHECK(read_text_array(sleeper.pid, array, {3, 100}) == std::vector<std::string>{"git", "push", "--force"});
  CHECK(read_text_array(sleeper.pid, array, {3, 17}) == std::vector<std::string>{"git", "push", "--force"});
  CHECK(read_text_array(sleeper.pid, array, {2, 100}).error() == MemoryProblem::kTooLong);
  CHECK(read_text_array(sleeper.pid, array, {3, 16}).error() == MemoryProblem::kTooLong);
  CHECK(read_text_array(sleeper.pid, sleeper.at(2 * kPage - 8), {3, 100}) == std::vector<std::string>{});
  CHECK(read_text_array(sleeper.pid, sleeper.at(kPage), {3, 100}).error() == MemoryProblem::kBadMemory);
}

}  // namespace
}  // namespace writ
