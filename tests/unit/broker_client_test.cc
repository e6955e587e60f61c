// BrokerClient and the C interface over it, against a broker that says what a test wants, over a real socket.
#include "tools/client/broker_client.h"

#include <catch2/catch.hpp>
#include <functional>
#include <thread>

#include "broker/protocol/message_forms.h"
#include "tests/unit/protocol_scene.h"
#include "tools/client/writ_client.h"

namespace writ {
namespace {

// What the broker's side does in its own thread. Checks are made in the thread of the test, so it only notes.
class FakeBroker {
 public:
  explicit FakeBroker(std::function<void(FakeBroker&)> script) {
    auto [one, other] = socket_pair();
    channel_.emplace(std::move(one));
    tool_ = std::move(other);
    thread_ = std::thread([this, script = std::move(script)] {
      script(*this);
      channel_.reset();
    });
  }
  FakeBroker(const FakeBroker&) = delete;
  FakeBroker& operator=(const FakeBroker&) = delete;
  ~FakeBroker() {
    tool_.reset();
    join();
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  UniqueFd take_tool() { return std::move(tool_); }

  // Notes what came as "type id payload"; "end" where nothing comes any more, or nothing sound.
  void note() {
    auto message = channel_->receive();
    if (!message || !*message) return notes_.push_back("end");
    notes_.push_back(std::string(message_name((*message)->type)) + " " + std::to_string((*message)->id) + " " +
                     JsonValue(std::move((*message)->payload)).to_text());
  }
  void say(Message message) { (void)channel_->send(std::move(message)); }
  void greet() {
    note();
    say(welcome_message());
  }

  MessageChannel& channel() { return *channel_; }
  // After join().
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::optional<MessageChannel> channel_;
  UniqueFd tool_;
  std::vector<std::string> notes_;
  std::thread thread_;
};

BrokerClient opened(FakeBroker& broker) {
  auto client = BrokerClient::open(broker.take_tool(), "test/1");
  REQUIRE(client);
  return std::move(*client);
}

JsonObject one(std::string_view key, JsonValue value) {
  JsonObject object;
  object.set(key, std::move(value));
  return object;
}

UniqueFd null_device() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

std::vector<UniqueFd> two_null_devices() {
  std::vector<UniqueFd> descriptors;
  descriptors.push_back(null_device());
  descriptors.push_back(null_device());
  return descriptors;
}

std::string code_of(const tl::expected<Reply, RequestError>& reply) { return reply ? "" : reply.error().code; }

TEST_CASE("a client says hello, asks, and gets value and descriptors", "[broker-client]") {
  const std::size_t before = open_descriptors();
  {
    FakeBroker broker([](FakeBroker& self) {
      self.greet();
      self.note();
      self.say(reply_message(1, one("size", 3), two_null_devices()));
      self.note();
      self.say(refusal_message(2, "denied", "17"));
      self.note();
    });
    {
      BrokerClient client = opened(broker);
      const auto reply = client.request("filesystem.open", one("path", "notes"));
      REQUIRE(reply);
      CHECK(reply->value.to_text() == R"({"size": 3})");
      CHECK(reply->descriptors.size() == 2);
      const auto refused = client.request("clock.now", {});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == "denied");
      CHECK(refused.error().correlation == "17");
      CHECK(refused.error().detail.empty());
    }
    broker.join();
    const std::vector<std::string> expected = {
        R"(hello 0 {"versions": [1], "client": "test/1"})",
        R"(request 1 {"name": "filesystem.open", "arguments": {"path": "notes"}})",
        R"(request 2 {"name": "clock.now", "arguments": {}})", "end"};
    CHECK(broker.notes() == expected);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a tool gets its call, also while it waits for an answer", "[broker-client]") {
  const bool early = GENERATE(true, false);
  FakeBroker broker([early](FakeBroker& self) {
    self.greet();
    self.note();
    if (early) self.say(call_message(9, "read_file", one("path", "a")));
    self.say(reply_message(1, 5));
    if (!early) self.say(call_message(9, "read_file", one("path", "a")));
    self.note();
  });
  BrokerClient client = opened(broker);
  CHECK(client.request("clock.now", {})->value.to_text() == "5");
  const auto call = client.next_call();
  REQUIRE(call);
  CHECK(call->id == 9);
  CHECK(call->tool == "read_file");
  CHECK(JsonValue(call->arguments).to_text() == R"({"path": "a"})");
  const Status wrong = client.finish(8, 1);
  REQUIRE_FALSE(wrong);
  CHECK(client_error_code(wrong.error()) == "invalid_arguments");
  const Status large = client.finish(9, std::string(kPayloadLimit, 'x'));
  REQUIRE_FALSE(large);
  CHECK(client_error_code(large.error()) == "too_large");
  CHECK(client.finish(9, one("lines", 2)));
  CHECK_FALSE(client.fail(9, "late", ""));
  CHECK(code_of(client.request("clock.now", {})) == "invalid_arguments");
  const auto none = client.next_call();
  REQUIRE_FALSE(none);
  CHECK(client_error_code(none.error()) == "closed");
  broker.join();
  CHECK(broker.notes().back() == R"(result 9 {"value": {"lines": 2}})");
}

TEST_CASE("the message of a failure is cut between characters", "[broker-client]") {
  FakeBroker broker([](FakeBroker& self) {
    self.greet();
    self.say(call_message(1, "t", {}));
    self.note();
  });
  BrokerClient client = opened(broker);
  REQUIRE(client.next_call());
  std::string message(kFailureMessageLimit - 1, 'x');
  REQUIRE(client.fail(1, "why", message + "ä"));
  broker.join();
  CHECK(broker.notes().back() == R"(failure 1 {"code": "why", "message": ")" + message + "\"}");
}

// What a broker could say instead of an answer: each ends the connection, and leaves no descriptor.
TEST_CASE("a broker that breaks the protocol is left", "[broker-client]") {
  const std::vector<std::function<void(FakeBroker&)>> faults = {
      [](FakeBroker& self) { self.say(reply_message(2, 0, two_null_devices())); },
      [](FakeBroker& self) { self.say(welcome_message()); },
      [](FakeBroker& self) { self.say(hello_message("x")); },
      [](FakeBroker& self) { self.say(request_message(1, "x", {})); },
      [](FakeBroker& self) { self.say(refusal_message(1, "no_such_code", "")); },
      [](FakeBroker& self) { self.say(call_message(1, "", {})); },
      [](FakeBroker& self) { self.say(call_message(1, "a", {})), self.say(call_message(2, "b", {})); },
      [](FakeBroker& self) {
        self.say(Message{MessageType::kReply, 1, {}, two_null_devices()});
      },
      [](FakeBroker& self) { send_raw(self.channel().descriptor(), "nonsense"); },
  };
  const std::size_t before = open_descriptors();
  for (const auto& fault : faults) {
    CAPTURE(&fault - faults.data());
    FakeBroker broker([&fault](FakeBroker& self) {
      self.greet();
      self.note();
      fault(self);
      self.note();
    });
    BrokerClient client = opened(broker);
    CHECK(code_of(client.request("clock.now", {})) == "protocol");
    CHECK(code_of(client.request("clock.now", {})) == "closed");
    broker.join();
    CHECK(broker.notes().back() == "end");
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a handshake that fails says how", "[broker-client]") {
  const auto error_after = [](std::function<void(FakeBroker&)> script) {
    FakeBroker broker(std::move(script));
    const auto client = BrokerClient::open(broker.take_tool());
    return client ? "none" : std::string(client_error_code(client.error()));
  };
  CHECK(error_after([](FakeBroker& self) { self.greet(); }) == "none");
  CHECK(error_after([](FakeBroker& self) { self.note(); }) == "closed");
  CHECK(error_after([](FakeBroker&) {}) == "closed");
  CHECK(error_after([](FakeBroker& self) { self.note(), self.say(call_message(1, "a", {})); }) == "protocol");
  CHECK(error_after([](FakeBroker& self) {
          self.note(), self.say(Message{MessageType::kWelcome, 0, one("version", 2), {}});
        }) == "protocol");
  CHECK_FALSE(BrokerClient::open(UniqueFd()));
}

TEST_CASE("arguments above the limits are refused here, and the connection goes on", "[broker-client]") {
  FakeBroker broker([](FakeBroker& self) {
    self.greet();
    self.note();
    self.say(reply_message(1, true));
  });
  BrokerClient client = opened(broker);
  const auto large = client.request("filesystem.write_text", one("text", std::string(kPayloadLimit, 'x')));
  REQUIRE_FALSE(large);
  CHECK(large.error().code == "too_large");
  CHECK(large.error().correlation.empty());
  CHECK(client.request("clock.now", {})->value.to_text() == "true");
}

TEST_CASE("the C interface asks, and gives texts and descriptors to its caller", "[broker-client]") {
  const std::size_t before = open_descriptors();
  {
    FakeBroker broker([](FakeBroker& self) {
      self.greet();
      self.note();
      self.say(reply_message(1, one("size", 3), two_null_devices()));
      self.note();
      self.say(reply_message(2, 1, two_null_devices()));  // for a caller that wants none
      self.note();
      self.say(refusal_message(3, "not_found", "99"));
      self.say(call_message(4, "read_file", {}));
      self.note();
    });
    writ_error error;
    writ_client* client = writ_client_open(broker.take_tool().release(), nullptr, &error);
    REQUIRE(client != nullptr);
    char* value = nullptr;
    std::array<int, WRIT_CLIENT_DESCRIPTORS> descriptors{};
    std::size_t count = descriptors.size();
    const char* arguments = "{\"path\": \"notes\"}";
    REQUIRE(writ_client_request(client, "filesystem.open", arguments, &value, descriptors.data(), &count, &error) == 0);
    CHECK(std::string_view(value) == R"({"size": 3})");
    CHECK(error.code[0] == '\0');
    writ_client_free(value);
    REQUIRE(count == 2);
    CHECK(::close(descriptors[0]) == 0);
    CHECK(::close(descriptors[1]) == 0);
    CHECK(writ_client_request(client, "x", nullptr, nullptr, nullptr, nullptr, nullptr) == 0);
    CHECK(writ_client_request(client, "x", nullptr, &value, nullptr, nullptr, &error) == -1);
    CHECK(value == nullptr);
    CHECK(std::string_view(error.code) == "not_found");
    CHECK(std::string_view(error.correlation) == "99");
    CHECK(error.message[0] == '\0');
    char* tool = nullptr;
    char* call_arguments = nullptr;
    std::uint64_t id = 0;
    REQUIRE(writ_client_next_call(client, &tool, &call_arguments, &id, &error) == 0);
    CHECK(std::string_view(tool) == "read_file");
    CHECK(std::string_view(call_arguments) == "{}");
    writ_client_free(tool);
    writ_client_free(call_arguments);
    CHECK(writ_client_finish(client, id, "not json", &error) == -1);
    CHECK(std::string_view(error.code) == "invalid_arguments");
    CHECK(writ_client_finish(client, id, "[1, 2]", &error) == 0);
    writ_client_close(client);
    broker.join();
    CHECK(broker.notes().back() == R"(result 4 {"value": [1, 2]})");
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("the C interface takes no wrong use for a request", "[broker-client]") {
  FakeBroker broker([](FakeBroker& self) { self.greet(), self.note(); });
  writ_error error;
  writ_client* client = writ_client_open(broker.take_tool().release(), "c/1", &error);
  REQUIRE(client != nullptr);
  const auto refused = [&error](int result) { return result == -1 ? std::string(error.code) : "done"; };
  std::array<int, 4> descriptors{};
  std::size_t count = 3;
  CHECK(refused(writ_client_request(nullptr, "x", "{}", nullptr, nullptr, nullptr, &error)) == "invalid_arguments");
  CHECK(refused(writ_client_request(client, nullptr, "{}", nullptr, nullptr, nullptr, &error)) == "invalid_arguments");
  CHECK(refused(writ_client_request(client, "x", "[]", nullptr, nullptr, nullptr, &error)) == "invalid_arguments");
  CHECK(refused(writ_client_request(client, "x", "{", nullptr, nullptr, nullptr, &error)) == "invalid_arguments");
  CHECK(refused(writ_client_request(client, "x", "{}", nullptr, descriptors.data(), &count, &error)) ==
        "invalid_arguments");
  CHECK(count == 0);
  CHECK(refused(writ_client_request(client, "x", "{}", nullptr, descriptors.data(), nullptr, &error)) ==
        "invalid_arguments");
  CHECK(refused(writ_client_fail(client, 1, "code", nullptr, &error)) == "invalid_arguments");
  CHECK(refused(writ_client_finish(client, 1, "1", &error)) == "invalid_arguments");
  writ_client_close(client);
  writ_client_close(nullptr);
  broker.join();
  CHECK(broker.notes().back() == "end");  // nothing of all this was sent
}

TEST_CASE("the socket is the one that the environment names", "[broker-client]") {
  for (const char* text : {"", "x", "-1", "3x", "99999999999", " 3"}) {
    ::setenv("WRIT_BROKER_FD", text, 1);
    CHECK_FALSE(BrokerClient::inherited_socket());
  }
  FakeBroker broker([](FakeBroker& self) { self.greet(); });
  ::setenv("WRIT_BROKER_FD", std::to_string(broker.take_tool().release()).c_str(), 1);
  writ_client* client = writ_client_open(-1, "c/1", nullptr);
  CHECK(client != nullptr);
  writ_client_close(client);
  ::unsetenv("WRIT_BROKER_FD");
  writ_error error;
  CHECK(writ_client_open(-1, "c/1", &error) == nullptr);
  CHECK(std::string_view(error.code) == "system");
}

}  // namespace
}  // namespace writ
