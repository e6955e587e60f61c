// launch_driver [OPTION…] ::: NAME [SETTING…] -- PROGRAM [ARGUMENT…] [::: NAME …]
//
// Launches every command once per round with posix_spawn(3) and waits for it; prints the wall time and the CPU time of
// each launch as JSON. The commands of a round come in a new random order: a command that is always second would always
// pay for what the first left to the kernel (dismantling a network namespace goes on after exit).
//
// Options:  --rounds N   --warmup N (rounds that are not counted)   --pause MICROSECONDS (before each launch)
//           --cpu N (run everything on this processor)   --output FILE (stdout and stderr of the commands, made empty
//           before each launch; a regular file, because grep behaves differently when it writes to /dev/null)
// Settings: --cwd DIRECTORY   --open N FILE (descriptor N is FILE, opened for reading anew at each launch)
// Exit codes: 1 when a command cannot be started or ends with another status than 0; 2 for a wrong call.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kFailed = 1;
constexpr int kWrongCall = 2;
constexpr unsigned kOrderSeed = 20231;  // the same order in every run
constexpr std::string_view kSeparator = ":::";

struct OpenFile {
  int number;
  const char* path;
};

struct Command {
  std::string name;
  const char* directory = nullptr;
  std::vector<OpenFile> files;
  std::vector<char*> arguments;  // ends in nullptr; borrowed from argv
  std::vector<std::int64_t> wall_us;
  std::vector<std::int64_t> cpu_us;
};

struct Options {
  int rounds = 100;
  int warmup = 3;
  int pause_us = 2000;
  int cpu = -1;
  const char* output = "/dev/null";
};

struct Measurement {
  std::int64_t wall_us;
  std::int64_t cpu_us;
};

[[noreturn]] void complain(int code, std::string_view what, std::string_view subject) {
  std::fprintf(stderr, "launch_driver: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(subject.size()), subject.data());
  std::exit(code);
}

int parse_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) complain(kWrongCall, "not a number", text);
  return value;
}

// The words of argv, taken one by one; a missing one is a wrong call.
class Words {
 public:
  Words(int count, char** words) : words_(words), count_(count) {}
  [[nodiscard]] bool at_end() const { return next_ >= count_; }
  [[nodiscard]] bool next_is(std::string_view word) const { return !at_end() && words_[next_] == word; }
  char* take(std::string_view what) {
    if (at_end()) complain(kWrongCall, "missing", what);
    return words_[next_++];
  }

 private:
  char** words_;
  int count_;
  int next_ = 1;
};

Options parse_options(Words& words) {
  Options options;
  while (!words.at_end() && !words.next_is(kSeparator)) {
    const std::string_view option = words.take("option");
    char* const value = words.take(option);
    if (option == "--rounds")
      options.rounds = parse_number(value);
    else if (option == "--warmup")
      options.warmup = parse_number(value);
    else if (option == "--pause")
      options.pause_us = parse_number(value);
    else if (option == "--cpu")
      options.cpu = parse_number(value);
    else if (option == "--output")
      options.output = value;
    else
      complain(kWrongCall, "unknown option", option);
  }
  return options;
}

std::string plain_name(std::string_view name) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +._-";
  if (name.empty() || name.find_first_not_of(kPlain) != std::string_view::npos)
    complain(kWrongCall, "a name is made of letters, digits, space and + . _ -", name);
  return std::string(name);
}

void parse_settings(Words& words, Command& command) {
  while (!words.next_is("--")) {
    const std::string_view setting = words.take("-- before the program");
    if (setting == "--cwd") {
      command.directory = words.take(setting);
    } else if (setting == "--open") {
      const int number = parse_number(words.take(setting));
      command.files.push_back({number, words.take(setting)});
    } else {
      complain(kWrongCall, "unknown setting", setting);
    }
  }
}

Command parse_command(Words& words) {
  (void)words.take(kSeparator);
  Command command;
  command.name = plain_name(words.take("name"));
  parse_settings(words, command);
  (void)words.take("--");
  while (!words.at_end() && !words.next_is(kSeparator)) command.arguments.push_back(words.take("argument"));
  if (command.arguments.empty()) complain(kWrongCall, "no program", command.name);
  command.arguments.push_back(nullptr);
  return command;
}

// Owns what posix_spawn does with descriptors and the directory before the command starts.
class FileActions {
 public:
  FileActions(const Command& command, int output) {
    check(::posix_spawn_file_actions_init(&actions_));
    check(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    check(::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO));
    check(::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO));
    for (const OpenFile& file : command.files)
      check(::posix_spawn_file_actions_addopen(&actions_, file.number, file.path, O_RDONLY, 0));
    if (command.directory != nullptr) check(::posix_spawn_file_actions_addchdir_np(&actions_, command.directory));
  }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  static void check(int error) {
    if (error != 0) complain(kFailed, "cannot prepare a launch", std::strerror(error));
  }
  posix_spawn_file_actions_t actions_{};
};

std::int64_t now_us() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1000;
}

std::int64_t microseconds(const timeval& time) { return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; }

[[noreturn]] void report_failure(const Command& command, int status, int output) {
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::fprintf(stderr, "launch_driver: %s ended with status %d; its output:\n", command.name.c_str(), code);
  std::vector<char> text(4096);
  if (const ssize_t count = ::pread(output, text.data(), text.size(), 0); count > 0)
    std::fwrite(text.data(), 1, static_cast<std::size_t>(count), stderr);
  std::exit(kFailed);
}

// What a shell's `> file` does. Not O_APPEND: `>> file` is another stream, which some launchers treat differently.
void empty_output(int output) {
  if (::ftruncate(output, 0) != 0 && errno != EINVAL)  // EINVAL: /dev/null, which has nothing to cut
    complain(kFailed, "cannot empty the output file", std::strerror(errno));
  if (::lseek(output, 0, SEEK_SET) < 0) complain(kFailed, "cannot rewind the output file", std::strerror(errno));
}

Measurement launch(const Command& command, int output) {
  const FileActions actions(command, output);
  empty_output(output);
  pid_t pid = -1;
  int status = 0;
  rusage usage{};
  const std::int64_t start = now_us();
  const int error =
      ::posix_spawnp(&pid, command.arguments[0], actions.get(), nullptr, command.arguments.data(), environ);
  if (error != 0) complain(kFailed, std::string("cannot start ") + command.arguments[0], std::strerror(error));
  while (::wait4(pid, &status, 0, &usage) < 0)
    if (errno != EINTR) complain(kFailed, "cannot wait", std::strerror(errno));
  const std::int64_t end = now_us();
  if (status != 0) report_failure(command, status, output);
  return {end - start, microseconds(usage.ru_utime) + microseconds(usage.ru_stime)};
}

void pause_for(int microseconds_to_sleep) {
  const timespec time{microseconds_to_sleep / 1'000'000, (microseconds_to_sleep % 1'000'000) * 1000L};
  ::nanosleep(&time, nullptr);
}

// A launcher may end before processes that it started (bubblewrap does): they become ours, end outside of the wall
// time, and their processor time counts. Gives up after a second: what runs on by intention is not waited for.
std::int64_t cpu_of_leftovers() {
  std::int64_t total = 0;
  for (int tries = 0; tries < 1000;) {
    rusage usage{};
    const pid_t pid = ::wait4(-1, nullptr, WNOHANG, &usage);
    if (pid < 0) break;
    if (pid > 0) {
      total += microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
      continue;
    }
    pause_for(1000);
    ++tries;
  }
  return total;
}

void run_rounds(const Options& options, std::vector<Command>& commands, int output) {
  std::mt19937 random(kOrderSeed);
  std::vector<std::size_t> order(commands.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (int round = 0; round < options.warmup + options.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t index : order) {
      pause_for(options.pause_us);
      Measurement measured = launch(commands[index], output);
      measured.cpu_us += cpu_of_leftovers();
      if (round < options.warmup) continue;
      commands[index].wall_us.push_back(measured.wall_us);
      commands[index].cpu_us.push_back(measured.cpu_us);
    }
  }
}

std::int64_t quantile(std::vector<std::int64_t> samples, double fraction) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  return samples[static_cast<std::size_t>(std::lround(fraction * static_cast<double>(samples.size() - 1)))];
}

void print_samples(const char* key, const std::vector<std::int64_t>& samples) {
  std::printf(", \"%s\": [", key);
  for (std::size_t i = 0; i < samples.size(); ++i)
    std::printf("%s%lld", i == 0 ? "" : ", ", static_cast<long long>(samples[i]));
  std::printf("]");
}

void print_command(const Command& command) {
  const auto wall = [&](double fraction) { return static_cast<long long>(quantile(command.wall_us, fraction)); };
  std::printf("{\"name\": \"%s\", \"median_us\": %lld, \"p90_us\": %lld, \"min_us\": %lld, \"cpu_median_us\": %lld",
              command.name.c_str(), wall(0.5), wall(0.9), wall(0.0),
              static_cast<long long>(quantile(command.cpu_us, 0.5)));
  print_samples("wall_us", command.wall_us);
  print_samples("cpu_us", command.cpu_us);
  std::printf("}");
}

void stay_on_processor(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (::sched_setaffinity(0, sizeof(set), &set) != 0)
    complain(kFailed, "cannot stay on one processor", std::strerror(errno));
}

}  // namespace

int main(int argc, char** argv) {
  Words words(argc, argv);
  const Options options = parse_options(words);
  std::vector<Command> commands;
  while (!words.at_end()) commands.push_back(parse_command(words));
  if (commands.empty()) complain(kWrongCall, "usage", "launch_driver [OPTION…] ::: NAME [SETTING…] -- PROGRAM …");
  const int output = ::open(options.output, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (output < 0) complain(kFailed, options.output, std::strerror(errno));
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) complain(kFailed, "cannot adopt orphans", std::strerror(errno));
  if (options.cpu >= 0) stay_on_processor(options.cpu);
  run_rounds(options, commands, output);
  std::printf("{\"rounds\": %d, \"commands\": [", options.rounds);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (i != 0) std::printf(", ");
    print_command(commands[i]);
  }
  std::printf("]}\n");
}
