// The broker socket with real sockets: what arrives, and what becomes of packets that are none of ours.
#include <poll.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <thread>

#include "broker/protocol/message_channel.h"
#include "broker/protocol/message_forms.h"
#include "tests/unit/protocol_scene.h"

namespace writ {
namespace {

constexpr std::string_view kRequestText = R"({"name":"clock.now","arguments":{}})";

struct Ends {
  UniqueFd raw;
  MessageChannel channel;
};

Ends make_ends() {
  auto [one, other] = socket_pair();
  return {std::move(one), MessageChannel(std::move(other))};
}

// Sends a packet to a new channel; returns why it was refused, and checks that no descriptor stays open.
std::string refusal_of(std::string_view packet, const std::vector<int>& descriptors = {}) {
  const std::size_t before = open_descriptors();
  std::string reason = "nothing was wrong";
  {
    Ends ends = make_ends();
    const std::size_t with_pair = open_descriptors();
    send_raw(ends.raw.get(), packet, descriptors);
    auto received = ends.channel.receive();
    if (!received) {
      reason = received.error().what;
      CHECK(open_descriptors() == with_pair);
      CHECK(received.error().system_errno == 0);
      send_raw(ends.raw.get(), raw_packet({}, kRequestText));
      CHECK_FALSE(ends.channel.receive());  // one refused message ends it
    }
  }
  CHECK(open_descriptors() == before);
  return reason;
}

bool same_file(int one, int other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_ino == second.st_ino &&
         first.st_dev == second.st_dev;
}

Message received(MessageChannel& channel) {
  auto message = channel.receive();
  REQUIRE(message);
  REQUIRE(*message);
  return std::move(**message);
}

TEST_CASE("a message arrives as it was sent", "[protocol]") {
  auto [one, other] = socket_pair();
  MessageChannel sender(std::move(one));
  MessageChannel receiver(std::move(other));
  REQUIRE(sender.send(request_message(7, "clock.now", {})));
  const Message message = received(receiver);
  CHECK(message.type == MessageType::kRequest);
  CHECK(message.id == 7);
  CHECK(JsonValue(message.payload).to_text() == R"({"name": "clock.now", "arguments": {}})");
  CHECK(message.descriptors.empty());
}

TEST_CASE("descriptors arrive in their order, closed on exec, and leave the sender", "[protocol]") {
  auto [one, other] = socket_pair();
  MessageChannel sender(std::move(one));
  MessageChannel receiver(std::move(other));
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd root(::open("/", O_PATH | O_CLOEXEC));
  const std::size_t before = open_descriptors();
  std::vector<UniqueFd> sent;
  for (const int fd : {null.get(), root.get(), root.get(), null.get()})
    sent.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  REQUIRE(sender.send(reply_message(1, 0, std::move(sent))));
  CHECK(open_descriptors() == before);
  const Message message = received(receiver);
  REQUIRE(message.descriptors.size() == 4);
  CHECK(same_file(message.descriptors[0].get(), null.get()));
  CHECK(same_file(message.descriptors[1].get(), root.get()));
  CHECK(same_file(message.descriptors[3].get(), null.get()));
  for (const UniqueFd& fd : message.descriptors) CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("payloads of all sizes around the packet limit arrive", "[protocol]") {
  auto [one, other] = socket_pair();
  MessageChannel sender(std::move(one));
  MessageChannel receiver(std::move(other));
  const std::size_t before = open_descriptors();
  const std::size_t frame = std::string_view(R"({"value": ""})").size();
  const std::size_t largest = kMessageLimit - kHeaderSize - frame;
  for (const std::size_t size : {std::size_t{0}, largest, largest + 1, std::size_t{1000000}, kPayloadLimit - frame}) {
    CAPTURE(size);
    REQUIRE(sender.send(result_message(1, std::string(size, 'x'))));
    Message message = received(receiver);
    CHECK(message.descriptors.empty());
    const auto value = read_value(std::move(message.payload));
    REQUIRE(value);
    CHECK(std::get<std::string>(value->storage()) == std::string(size, 'x'));
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a large reply brings three descriptors, not four", "[protocol]") {
  auto [one, other] = socket_pair();
  MessageChannel sender(std::move(one));
  MessageChannel receiver(std::move(other));
  const auto large = [](int count) {
    std::vector<UniqueFd> sent;
    for (int i = 0; i < count; ++i) sent.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return reply_message(1, std::string(100000, 'x'), std::move(sent));
  };
  const std::size_t before = open_descriptors();
  const Status refused = sender.send(large(4));
  CHECK((!refused && refused.error().system_errno == EMSGSIZE));
  CHECK(open_descriptors() == before);
  REQUIRE(sender.send(large(3)));
  CHECK(received(receiver).descriptors.size() == 3);
}

TEST_CASE("what is above the limits is not sent, and the connection stays sound", "[protocol]") {
  auto [one, other] = socket_pair();
  MessageChannel sender(std::move(one));
  MessageChannel receiver(std::move(other));
  const Status large = sender.send(result_message(1, std::string(kPayloadLimit, 'x')));
  CHECK((!large && large.error().system_errno == EMSGSIZE));
  JsonValue deep = 1;
  for (std::size_t i = 0; i < 3000; ++i) deep = JsonArray().add(std::move(deep));
  CHECK_FALSE(sender.send(result_message(1, std::move(deep))));
  REQUIRE(sender.send(result_message(2, 0)));
  CHECK(received(receiver).id == 2);
}

TEST_CASE("a closed end is told from a broken one", "[protocol]") {
  Ends ends = make_ends();
  send_raw(ends.raw.get(), raw_packet({}, kRequestText));
  ends.raw.reset();
  REQUIRE(received(ends.channel).id == 1);
  const auto nothing = ends.channel.receive();
  REQUIRE(nothing);
  CHECK_FALSE(*nothing);
  const Status sent = ends.channel.send(result_message(1, 0));
  CHECK((!sent && sent.error().system_errno == EPIPE));
}

// The kernel then says ECONNRESET first, and gives what was sent afterwards.
TEST_CASE("the last words of an end that did not read everything arrive", "[protocol]") {
  Ends ends = make_ends();
  REQUIRE(ends.channel.send(reply_message(1, 0)));
  send_raw(ends.raw.get(), raw_packet({.type = 7, .id = 3}, R"({"value":1})"));
  ends.raw.reset();
  CHECK(received(ends.channel).id == 3);
  CHECK_FALSE(ends.channel.receive().value());
}

TEST_CASE("who does not read does not hold up a sender that asks not to wait", "[protocol]") {
  Ends ends = make_ends();
  Status sent;
  int count = 0;
  while (sent && count < 1000) {
    sent = ends.channel.send(reply_message(1, std::string(10000, 'x')), SendWait::kNever);
    ++count;
  }
  REQUIRE_FALSE(sent);
  CHECK(sent.error().system_errno == EAGAIN);
  pollfd waiting = {ends.channel.descriptor(), POLLOUT, 0};
  CHECK(::poll(&waiting, 1, 0) == 0);
  std::array<char, 20000> packet{};
  while (::recv(ends.raw.get(), packet.data(), packet.size(), MSG_DONTWAIT) > 0) --count;
  CHECK(count == 1);
  CHECK(::poll(&waiting, 1, 0) == 1);
  CHECK(ends.channel.send(reply_message(1, std::string(60000, 'x')), SendWait::kNever));
}

TEST_CASE("a non-blocking channel without a message stays usable", "[protocol]") {
  Ends ends = make_ends();
  REQUIRE(::fcntl(ends.channel.descriptor(), F_SETFL, O_NONBLOCK) == 0);
  const auto nothing = ends.channel.receive();
  CHECK((!nothing && nothing.error().system_errno == EAGAIN));
  send_raw(ends.raw.get(), raw_packet({}, kRequestText));
  CHECK(received(ends.channel).id == 1);
}

TEST_CASE("malformed packets are refused, with and without descriptors", "[protocol]") {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(refusal_of(raw_packet({}, kRequestText)) == "nothing was wrong");  // the control
  const std::vector<std::string> packets = {
      "x",
      RawHeader{}.bytes().substr(0, 23),
      raw_packet({.magic = "TIRW"}, kRequestText),
      raw_packet({.version = 2}, kRequestText),
      raw_packet({.type = 99}, kRequestText),
      raw_packet({.flags = 2}, kRequestText),
      raw_packet({.id = 0}, kRequestText),
      raw_packet({}, kRequestText) + " ",
      raw_packet({.descriptors = 1}, kRequestText),
      raw_packet({}, "[]"),
      raw_packet({}, ""),
      raw_packet({}, R"({"a":1,"a":2})"),
      raw_packet({}, R"({"a":)" + std::string(40, '[') + std::string(40, ']') + "}"),
  };
  for (const std::string& packet : packets) {
    CAPTURE(packet);
    CHECK(refusal_of(packet) != "nothing was wrong");
    CHECK(refusal_of(packet, {null.get(), null.get()}) != "nothing was wrong");
  }
}

TEST_CASE("descriptors of which the header does not speak are closed", "[protocol]") {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::string_view other = "a message says that it has another number of descriptors than it has";
  CHECK(refusal_of(raw_packet({}, kRequestText), {null.get()}) == other);
  CHECK(refusal_of(raw_packet({.type = 5, .descriptors = 2}, R"({"value":1})"), {null.get()}) == other);
  CHECK(refusal_of(raw_packet({.type = 5, .descriptors = 1}, R"({"value":1})"), {null.get(), null.get()}) == other);
  CHECK(refusal_of(raw_packet({.descriptors = 1}, kRequestText), {null.get()}) ==
        "a message of type request has too many descriptors");
}

TEST_CASE("a packet without bytes is the end, with descriptors it is a fault", "[protocol]") {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(refusal_of("", {null.get()}) == "a packet is shorter than the header of a message");
  Ends ends = make_ends();
  send_raw(ends.raw.get(), "");
  CHECK_FALSE(ends.channel.receive().value());
}

TEST_CASE("control data that do not fit are refused", "[protocol]") {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::vector<int> many(kPacketDescriptorLimit + 1, null.get());
  const std::string packet = raw_packet({.type = 5, .descriptors = 6}, R"({"value":1})");
  CHECK(refusal_of(packet, many) == "a message has more descriptors than it may have, or than can be open here");
}

TEST_CASE("an oversized packet is refused", "[protocol]") {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::string payload = R"({"name":")" + std::string(kMessageLimit, 'x') + R"(","arguments":{}})";
  CHECK(refusal_of(raw_packet({}, payload)) == "a packet is longer than 65536 bytes");
  CHECK(refusal_of(raw_packet({}, payload), {null.get()}) == "a packet is longer than 65536 bytes");
}

TEST_CASE("a payload comes in sealed memory of its size only", "[protocol]") {
  const std::string_view no_seals = "the payload of a message is in a descriptor that is no sealed memory";
  const std::string_view other_size = "the payload of a message has another size than its header says";
  const auto refusal = [](const UniqueFd& fd, std::size_t length) {
    return refusal_of(RawHeader{.length = length, .descriptors = 1, .flags = 1}.bytes(), {fd.get()});
  };
  const std::size_t size = kRequestText.size();
  CHECK(refusal(memory_with(kRequestText, kAllSeals), size) == "nothing was wrong");
  CHECK(refusal(memory_with(kRequestText, kAllSeals | F_SEAL_SEAL), size) == "nothing was wrong");
  CHECK(refusal(memory_with(kRequestText, 0), size) == no_seals);
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE})
    CHECK(refusal(memory_with(kRequestText, kAllSeals & ~missing), size) == no_seals);
  CHECK(refusal(memory_with(kRequestText, kAllSeals), size - 1) == other_size);
  CHECK(refusal(memory_with(kRequestText, kAllSeals), size + 1) == other_size);
  CHECK(refusal(memory_with("", kAllSeals), size) == other_size);
  CHECK(refusal(memory_with("[]", kAllSeals), 2) == "a payload must be one JSON object");
  CHECK(refusal(UniqueFd(::open("/dev/zero", O_RDONLY | O_CLOEXEC)), size) == no_seals);
  CHECK(refusal(UniqueFd(::open(WRIT_SOURCE_DIR, O_RDONLY | O_CLOEXEC)), size) == no_seals);
  CHECK(refusal(UniqueFd(::open(WRIT_SOURCE_DIR "/README.md", O_RDONLY | O_CLOEXEC)), size) == no_seals);
}

TEST_CASE("messages of several threads arrive whole", "[protocol]") {
  auto [one, other] = socket_pair();
  const MessageChannel sender(std::move(one));
  MessageChannel receiver(std::move(other));
  constexpr std::uint64_t kEach = 200;
  std::vector<std::thread> threads;
  for (std::uint64_t number = 1; number <= 4; ++number)
    threads.emplace_back([&sender, number] {
      for (std::uint64_t i = 0; i < kEach; ++i)
        (void)sender.send(reply_message(number * 1000 + i, std::string(number * 100, 'x')));
    });
  std::size_t count = 0;
  for (; count < 4 * kEach; ++count) {
    Message message = received(receiver);
    const auto value = read_value(std::move(message.payload));
    if (!value || std::get<std::string>(value->storage()).size() != message.id / 1000 * 100) break;
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(count == 4 * kEach);
}

}  // namespace
}  // namespace writ
