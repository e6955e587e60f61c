// Bytes in bulk: complete, bounded, without spinning.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/unit/terminal_test_support.h"

namespace writ {
namespace {

using namespace terminal_test;
using namespace std::chrono_literals;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : text) {
    state = state * 1664525U + 1013904223U;
    const auto value = static_cast<unsigned char>(state >> 24);
    // Every byte but those that the filter is there for: this test is about copying.
    const bool control = value == 0x1b || value == 0xc2;
    byte = static_cast<char>(control ? 'x' : value);
  }
  return text;
}

long peak_memory_kb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::unique_ptr<TerminalRelay> output_relay(Pair& tool, int user_output, bool keep_slave = false) {
  TerminalRelayOptions options;
  options.user_output = user_output;
  options.master = std::move(tool.master);
  if (keep_slave) options.slave = UniqueFd(::fcntl(tool.slave.get(), F_DUPFD_CLOEXEC, 0));
  auto relay = TerminalRelay::create(std::move(options));
  if (!relay) throw std::runtime_error(relay.error().describe());
  return std::move(*relay);
}

TEST_CASE("terminal relay: fifty megabytes arrive byte for byte in constant memory") {
  constexpr std::size_t kPiece = 1 << 20;
  constexpr int kPieces = 50;
  const Pair user = make_pair_of();
  make_raw(user.slave.get());
  Pair tool = make_pair_of();
  auto relay = output_relay(tool, user.slave.get());
  make_raw(tool.slave.get());
  const std::string piece = pattern(kPiece);
  std::thread writer([&piece, slave = std::move(tool.slave)]() mutable {
    for (int i = 0; i < kPieces; ++i) write_all(slave.get(), piece);
    slave.reset();
  });
  std::size_t received = 0;
  bool equal = true;
  std::thread reader([&] {
    std::string buffer(1 << 16, '\0');
    while (received < kPiece * kPieces) {
      const ssize_t count = ::read(user.master.get(), buffer.data(), buffer.size());
      if (count <= 0) break;
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
        equal &= buffer[i] == piece[(received + i) % kPiece];
      received += static_cast<std::size_t>(count);
    }
  });
  const long memory_before = peak_memory_kb();
  const bool finished = turn_until(
      *relay, [&] { return relay->finished(); }, 120s);
  const long memory_after = peak_memory_kb();
  writer.join();
  relay.reset();
  if (!finished) ::tcflush(user.slave.get(), TCIOFLUSH);
  reader.join();
  CHECK(finished);
  CHECK(received == kPiece * kPieces);
  CHECK(equal);
  CHECK(memory_after - memory_before < 2048);
}

TEST_CASE("terminal relay: a terminal that does not read stops the tool, not the relay") {
  const Pair user = make_pair_of();
  make_raw(user.slave.get());
  Pair tool = make_pair_of();
  auto relay = output_relay(tool, user.slave.get());
  ::fcntl(tool.slave.get(), F_SETFL, O_NONBLOCK);
  const std::string piece(4096, 'x');
  std::size_t written = 0;
  int refusals = 0;
  while (refusals < 5 && written < (64U << 20)) {
    const ssize_t count = ::write(tool.slave.get(), piece.data(), piece.size());
    if (count > 0) written += static_cast<std::size_t>(count);
    refusals = count > 0 ? 0 : refusals + 1;
    turn(*relay, 5);
  }
  CHECK(refusals == 5);
  CHECK(written < (1U << 20));
  std::vector<pollfd> entries;
  relay->add_poll_entries(entries);
  CHECK(::poll(entries.data(), entries.size(), 50) == 0);  // and it does not spin meanwhile
  const auto start = Clock::now();
  tool.slave.reset();
  CHECK_FALSE(relay->drain(100ms));
  CHECK(Clock::now() - start < 2s);
}

TEST_CASE("terminal relay: a tool that never reads stops the input, in constant memory, without spinning") {
  const Pair user = make_pair_of();
  CHECK(in_session_on(user, [&user] {
          Pair tool = make_pair_of();
          auto relay = relay_on(user, tool);
          make_raw(tool.slave.get());  // nothing but back-pressure: no interrupt key to look for
          ::fcntl(user.master.get(), F_SETFL, O_NONBLOCK);
          const std::string piece(4096, 'k');
          std::size_t typed = 0;
          for (int i = 0; i < 400; ++i) {
            const ssize_t count = ::write(user.master.get(), piece.data(), piece.size());
            if (count > 0) typed += static_cast<std::size_t>(count);
            turn(*relay, 1);
          }
          if (typed < 64 * 1024 || typed > 512 * 1024) return 1;
          std::string got;  // nothing of it is lost
          const bool all = turn_until(*relay, [&] { return (got += read_now(tool.slave.get())).size() >= typed; });
          return all && got == std::string(typed, 'k') ? 0 : 2;
        }) == 0);
}

TEST_CASE("terminal relay: the last lines before the end are not lost") {
  for (const bool keep_slave : {false, true}) {
    const Pair user = make_pair_of();
    make_raw(user.slave.get());
    Pair tool = make_pair_of();
    auto relay = output_relay(tool, user.slave.get(), keep_slave);
    make_raw(tool.slave.get());
    const std::string text = pattern(3000) + "the end";
    write_all(tool.slave.get(), text);
    tool.slave.reset();
    if (keep_slave) {
      for (int i = 0; i < 3; ++i) turn(*relay);
      CHECK_FALSE(relay->finished());
    }
    CHECK(relay->drain(1s));
    CHECK(relay->finished());
    CHECK(read_now(user.master.get()) == text);
  }
}

TEST_CASE("terminal relay: drain gives up on a slave that somebody keeps open") {
  Pair tool = make_pair_of();
  const Pair user = make_pair_of();
  auto relay = output_relay(tool, user.slave.get());
  write_all(tool.slave.get(), "text");
  CHECK_FALSE(relay->drain(50ms));
  CHECK(read_now(user.master.get()) == "text");
}

TEST_CASE("terminal relay: a lost user terminal does not hang the tool") {
  Pair user = make_pair_of();
  Pair tool = make_pair_of();
  auto relay = output_relay(tool, user.slave.get());
  user.master.reset();
  ::fcntl(tool.slave.get(), F_SETFL, O_NONBLOCK);
  std::size_t written = 0;
  const std::string piece(4096, 'x');
  for (int i = 0; i < 2000 && written < (1U << 20); ++i) {
    const ssize_t count = ::write(tool.slave.get(), piece.data(), piece.size());
    if (count > 0) written += static_cast<std::size_t>(count);
    turn(*relay, 5);
  }
  CHECK(relay->user_terminal_lost());
  CHECK(written >= (1U << 20));
}

}  // namespace
}  // namespace writ
