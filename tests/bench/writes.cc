// Runs inside of a sandbox for the benchmark of mediated writing: opens the file FILE for writing again and again for
// SECONDS, and prints how long one open took and how many there were, as JSON.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

double now_us() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// What a tool does between two calls; without it the two sides run in step on one processor.
void work(double microseconds) {
  const double end = now_us() + microseconds;
  while (now_us() < end) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: writes FILE SECONDS PAUSE-US\n", stderr);
    return 2;
  }
  const double pause = std::atof(argv[3]);
  const double begin = now_us();
  const double end = begin + std::atof(argv[2]) * 1e6;
  std::vector<double> times;
  while (now_us() < end) {
    const double start = now_us();
    const int fd = ::open(argv[1], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    times.push_back(now_us() - start);
    if (fd < 0) {
      std::perror(argv[1]);
      return 1;
    }
    ::close(fd);
    if (pause > 0) work(pause);
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"median_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f, \"opens\": %zu, \"per_second\": %.0f}\n",
              times[times.size() / 2], times[times.size() * 9 / 10], times[times.size() * 99 / 100], times.size(),
              static_cast<double>(times.size()) / (now_us() - begin) * 1e6);
  return 0;
}
