#include "broker/kernel/network_state.h"

#include <fcntl.h>

#include <cerrno>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// Sockets first. A kernel without IPv6 lacks snmp6, in every namespace.
constexpr std::array<const char*, 5> kFiles = {"sockstat", "dev", "snmp", "snmp6", "netstat"};
// Words of sockstat whose number is that of the whole host.
constexpr std::array<const char*, 3> kHostWords = {"orphan", "alloc", "mem"};

bool is_word(const char* text, std::size_t length, const char* word) {
  std::size_t i = 0;
  while (i < length && word[i] != '\0' && text[i] == word[i]) ++i;
  return i == length && word[i] == '\0';
}

bool is_host_word(const char* text, std::size_t length) {
  for (const char* word : kHostWords)
    if (is_word(text, length, word)) return true;
  return false;
}

bool ends_word(char byte) { return byte == ' ' || byte == '\n'; }

// Blanks the number behind each of the words in `size` bytes.
void blank_host_numbers(char* text, std::size_t size) {
  bool blank = false;
  for (std::size_t begin = 0; begin < size;) {
    std::size_t end = begin;
    while (end < size && !ends_word(text[end])) ++end;
    if (blank)
      for (std::size_t i = begin; i < end; ++i) text[i] = ' ';
    blank = is_host_word(text + begin, end - begin);
    begin = end + 1;
  }
}

long read_file(int directory, const char* name, NetworkState& state) {
  const long file = raw_syscall(SYS_openat, directory, name, O_RDONLY | O_CLOEXEC, 0);
  if (file == -ENOENT) return 0;
  if (file < 0) return file;
  long got = 0;
  do {
    const std::size_t room = state.bytes.size() - state.size;
    got = room == 0 ? -ENOSPC : raw_syscall(SYS_read, file, state.bytes.data() + state.size, room);
    if (got > 0) state.size += static_cast<std::size_t>(got);
  } while (got > 0);
  raw_syscall(SYS_close, file);
  return got;
}

}  // namespace

long read_network_state(int proc, NetworkState& state) {
  state.size = 0;
  const long directory = raw_syscall(SYS_openat, proc, "thread-self/net", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return directory;
  long result = 0;
  for (std::size_t i = 0; i < kFiles.size() && result >= 0; ++i) {
    result = read_file(static_cast<int>(directory), kFiles[i], state);
    if (i == 0 && result >= 0) blank_host_numbers(state.bytes.data(), state.size);
  }
  raw_syscall(SYS_close, directory);
  return result < 0 ? result : 0;
}

bool is_same(const NetworkState& one, const NetworkState& other) {
  return one.size == other.size && __builtin_memcmp(one.bytes.data(), other.bytes.data(), one.size) == 0;
}

}  // namespace writ
