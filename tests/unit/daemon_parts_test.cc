#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "broker/daemon/daemon_place.h"
#include "broker/daemon/detached_output.h"
#include "broker/daemon/event_loop.h"
#include "broker/daemon/output_pump.h"
#include "broker/daemon/sandbox_store.h"

namespace writ {
namespace {

struct Pair {
  UniqueFd a;
  UniqueFd b;
};

Pair socket_pair(int kind) {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = "/tmp/writ-daemon-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

EventLoop make_loop() {
  auto loop = EventLoop::create();
  REQUIRE(loop);
  return std::move(*loop);
}

constexpr std::chrono::milliseconds kAtOnce{0};

}  // namespace

TEST_CASE("event loop: a callback may forget another one that is ready as well", "[daemon]") {
  EventLoop loop = make_loop();
  Pair one = socket_pair(SOCK_STREAM);
  Pair two = socket_pair(SOCK_STREAM);
  int calls = 0;
  const int first = one.a.get();
  const int second = two.a.get();
  const auto forget_both = [&](std::uint32_t) {
    ++calls;
    loop.forget(first);
    loop.forget(second);
  };
  REQUIRE(loop.watch(first, EPOLLIN, forget_both));
  REQUIRE(loop.watch(second, EPOLLIN, forget_both));
  REQUIRE(::write(one.b.get(), "x", 1) == 1);
  REQUIRE(::write(two.b.get(), "x", 1) == 1);
  REQUIRE(loop.run_once(kAtOnce));
  CHECK(calls == 1);
  CHECK(loop.size() == 0);
}

TEST_CASE("event loop: what was seen of a closed descriptor is not told to its successor", "[daemon]") {
  EventLoop loop = make_loop();
  Pair one = socket_pair(SOCK_STREAM);
  Pair two = socket_pair(SOCK_STREAM);
  int wrong = 0;
  UniqueFd successor;
  const auto replace = [&](Pair& victim) {
    const int number = victim.a.get();
    loop.forget(number);
    victim.a.reset();
    successor.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (successor.get() == number) (void)loop.watch(number, EPOLLIN, [&](std::uint32_t) { ++wrong; });
  };
  bool done = false;
  const auto once = [&](Pair& victim) {
    if (!std::exchange(done, true)) replace(victim);
  };
  REQUIRE(loop.watch(one.a.get(), EPOLLIN, [&](std::uint32_t) { once(two); }));
  REQUIRE(loop.watch(two.a.get(), EPOLLIN, [&](std::uint32_t) { once(one); }));
  REQUIRE(::write(one.b.get(), "x", 1) == 1);
  REQUIRE(::write(two.b.get(), "x", 1) == 1);
  REQUIRE(loop.run_once(kAtOnce));
  CHECK(done);
  CHECK(wrong == 0);
}

TEST_CASE("output pump: a reader gets what is kept, then what follows, then the end", "[daemon]") {
  EventLoop loop = make_loop();
  Pair pair = socket_pair(SOCK_STREAM);
  OutputRing ring(64);
  ring.append("before ");
  bool ended = false;
  OutputPump pump(loop, ring, std::move(pair.a), {}, [&] { ended = true; });
  REQUIRE(pump.start());
  ring.append("after");
  pump.pump();
  pump.finish();
  CHECK(ended);
  std::array<char, 64> got{};
  const ssize_t count = ::recv(pair.b.get(), got.data(), got.size(), MSG_WAITALL);
  CHECK(std::string(got.data(), static_cast<std::size_t>(count)) == "before after");
}

TEST_CASE("output pump: who does not read loses bytes, and is told how many", "[daemon]") {
  EventLoop loop = make_loop();
  Pair pair = socket_pair(SOCK_STREAM);
  OutputRing ring(4096);
  OutputPump pump(loop, ring, std::move(pair.a), {}, [] {});
  REQUIRE(pump.start());
  constexpr std::size_t kWritten = std::size_t{4} << 20;
  for (std::size_t i = 0; i < kWritten; i += 1024) {
    ring.append(std::string(1024, 'x'));
    pump.pump();
  }
  std::string got;
  std::array<char, 65536> buffer{};
  // The other end is read dry, and the loop gives the pump its turns.
  for (int idle = 0; idle < 3;) {
    const ssize_t count = ::recv(pair.b.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) got.append(buffer.data(), static_cast<std::size_t>(count));
    idle = count > 0 ? 0 : idle + 1;
    REQUIRE(loop.run_once(kAtOnce));
  }
  std::size_t lost = 0;
  for (std::size_t notice = got.find("writ: "); notice != std::string::npos; notice = got.find("writ: ", notice + 1))
    lost += std::stoul(got.substr(notice + 6));
  REQUIRE(lost > 0);
  const auto kept = static_cast<std::size_t>(std::count(got.begin(), got.end(), 'x'));
  CHECK(lost + kept == kWritten);
}

TEST_CASE("detached output: pipes are kept, followed and ended", "[daemon]") {
  EventLoop loop = make_loop();
  auto output = DetachedOutput::with_pipes(loop);
  REQUIRE(output);
  const auto streams = (*output)->streams();
  CHECK(streams[0] == -1);
  REQUIRE(::write(streams[1], "out", 3) == 3);
  REQUIRE(::write(streams[2], "err", 3) == 3);
  auto follower = (*output)->follow(OutputStream::kOutput);
  REQUIRE(follower);
  CHECK((*output)->attach().error().system_errno == ENOTTY);
  REQUIRE(loop.run_once(kAtOnce));
  (*output)->handed_over();
  (*output)->ended();
  auto kept = (*output)->kept(OutputStream::kError);
  REQUIRE(kept);
  std::array<char, 16> bytes{};
  CHECK(::read(kept->memory.get(), bytes.data(), bytes.size()) == 3);
  CHECK(std::string(bytes.data(), 3) == "err");
  CHECK(::write(kept->memory.get(), "x", 1) == -1);  // sealed
  CHECK(::recv(follower->get(), bytes.data(), bytes.size(), MSG_WAITALL) == 3);
  CHECK(std::string(bytes.data(), 3) == "out");
}

TEST_CASE("detached output: a terminal is typed on by one at a time", "[daemon]") {
  EventLoop loop = make_loop();
  auto output = DetachedOutput::with_terminal(loop, {24, 80, 0, 0});
  REQUIRE(output);
  CHECK_FALSE((*output)->resize({30, 90, 0, 0}));
  auto first = (*output)->attach();
  REQUIRE(first);
  CHECK((*output)->attach().error().system_errno == EBUSY);
  CHECK((*output)->kept(OutputStream::kError).error().system_errno == ENODATA);
  CHECK((*output)->resize({30, 90, 0, 0}));
  winsize size{};
  REQUIRE(::ioctl((*output)->streams()[0], TIOCGWINSZ, &size) == 0);
  CHECK(size.ws_row == 30);
  REQUIRE(::send(first->get(), "typed\n", 6, 0) == 6);
  REQUIRE(loop.run_once(kAtOnce));
  std::array<char, 16> line{};
  CHECK(::read((*output)->streams()[0], line.data(), line.size()) == 6);
  first->reset();
  REQUIRE(loop.run_once(kAtOnce));
  CHECK((*output)->attach());  // the first one is gone
}

TEST_CASE("daemon place: where the socket is", "[daemon]") {
  CHECK(daemon_socket_path(1000, "/run/user/1000", "/home/a/.local/state") == "/run/user/1000/writ/broker.socket");
  CHECK(daemon_socket_path(1000, nullptr, "/home/a/.local/state") == "/home/a/.local/state/writ/run/broker.socket");
  CHECK(daemon_socket_path(1000, "relative", "/s") == "/s/writ/run/broker.socket");
  CHECK(daemon_socket_path(0, nullptr, "/root/.local/state") == "/run/writ/broker.socket");
}

TEST_CASE("daemon place: one listener, a stale socket is replaced, strangers' directories are refused", "[daemon]") {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/writ/broker.socket";
  CHECK(connect_to_daemon(path, ::geteuid()).error().system_errno == ENOENT);
  {
    auto socket = DaemonSocket::listen_at(path);
    REQUIRE(socket);
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK_FALSE(DaemonSocket::listen_at(path));
    auto client = connect_to_daemon(path, ::geteuid());
    REQUIRE(client);
    auto accepted = socket->accept();
    REQUIRE(accepted);
    CHECK(accepted->valid());
    CHECK(peer_identity(accepted->get()).value().uid == ::geteuid());
    CHECK_FALSE(connect_to_daemon(path, ::geteuid() + 1));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  REQUIRE(::mknod(path.c_str(), S_IFSOCK | 0600, 0) == 0);
  CHECK(DaemonSocket::listen_at(path));
  REQUIRE(::chmod((scratch.path() + "/writ").c_str(), 0750) == 0);
  CHECK_FALSE(DaemonSocket::listen_at(path));
  CHECK_FALSE(DaemonSocket::listen_at("/" + std::string(200, 'a') + "/socket"));
}

TEST_CASE("sandbox store: numbers are given once, and what a dead daemon left is lost", "[daemon]") {
  const ScratchDirectory scratch;
  auto self = ProcessIdentity::current();
  REQUIRE(self);
  ProcessIdentity dead = *self;
  dead.start += 1;  // the same number, another process
  SandboxRecord record;
  record.state = SandboxState::kRunning;
  record.command = "sleep";
  SandboxNumber last{};
  {
    auto store = SandboxStore::open(scratch.path() + "/store", dead);
    REQUIRE(store);
    record.number = store->next_number().value();
    last = store->next_number().value();
    CHECK(last > record.number);
    REQUIRE(store->write({&record, 1}));
  }
  auto store = SandboxStore::open(scratch.path() + "/store", *self);
  REQUIRE(store);
  const auto lost = store->mark_lost(5).value();
  REQUIRE(lost.size() == 1);
  CHECK(lost[0].number == record.number);
  CHECK(store->mark_lost(6).value().empty());
  CHECK(store->latest(10).value().at(0).state == SandboxState::kLost);
  CHECK(store->next_number().value() > last);
  record.number = SandboxNumber{77'777};
  REQUIRE(store->write({&record, 1}));
  CHECK(store->mark_lost(7).value().empty());  // whose owner lives
}

}  // namespace writ
