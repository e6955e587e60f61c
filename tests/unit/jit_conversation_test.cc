// The channel to a tool made at run time, with a tool at the other end that sends whatever it likes.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/jit/jit_conversation.h"
#include "broker/jit/jit_stub.h"

namespace writ {
namespace {

JitConversation started(JitLanguage language = JitLanguage::kPython) {
  JitConversation conversation(language);
  (void)conversation.start("source", {});
  return conversation;
}

std::string call(int id) {
  return R"({"syscall":{"id":)" + std::to_string(id) + R"(,"name":"clock.now","arguments":{}}})" + "\n";
}

// What the line means to a conversation that has just started.
JitEvent first(const std::string& line, JitLanguage language = JitLanguage::kPython) {
  JitConversation conversation = started(language);
  conversation.take(line + "\n");
  return conversation.next();
}

bool is_broken(const JitEvent& event, JitBreach breach = JitBreach::kProtocol) {
  const auto* broken = std::get_if<JitBroken>(&event);
  return broken != nullptr && broken->breach == breach && !broken->why.empty();
}

bool is_waiting(const JitEvent& event) { return std::holds_alternative<JitWaiting>(event); }

TEST_CASE("a tool calls, is answered and gives its result, in pieces of any size", "[jit]") {
  JitConversation conversation = started();
  CHECK(is_waiting(conversation.next()));
  for (const char byte :
       std::string(R"({"syscall":{"id":1,"name":"filesystem.read_text","arguments":{"path":"a"}}})")) {
    conversation.take(std::string(1, byte));
    REQUIRE(is_waiting(conversation.next()));
  }
  conversation.take("\n");
  const JitEvent event = conversation.next();
  REQUIRE(std::holds_alternative<JitCall>(event));
  CHECK(std::get<JitCall>(event).name == "filesystem.read_text");
  CHECK(JsonValue(std::get<JitCall>(event).arguments).to_text() == R"({"path": "a"})");
  CHECK(is_waiting(conversation.next()));
  CHECK(conversation.reply(JsonObject().set("text", "x\ny")) == R"({"reply":{"id":1,"value":{"text": "x\ny"}}})"
                                                                "\n");

  conversation.take(call(2));
  REQUIRE(std::holds_alternative<JitCall>(conversation.next()));
  CHECK(conversation.refuse("denied", "a-1") ==
        R"({"reply":{"id":2,"refused":{"code": "denied", "correlation": "a-1"}}})"
        "\n");
  conversation.take("{\"result\":[1]}\n");
  const JitEvent result = conversation.next();
  REQUIRE(std::holds_alternative<JitReturned>(result));
  CHECK(std::get<JitReturned>(result).value.to_text() == "[1]");
  CHECK(is_waiting(conversation.next()));
}

TEST_CASE("a tool says that it failed", "[jit]") {
  const JitEvent event = first(R"({"error":{"message":"no"}})");
  REQUIRE(std::holds_alternative<JitFailed>(event));
  CHECK(std::get<JitFailed>(event).message == "no");
}

TEST_CASE("everything else ends the conversation", "[jit]") {
  for (const char* line : {
           "", "hello", "[]", "{}", "null", R"({"result":1,"error":{"message":"x"}})",
           R"({"reply":{"id":1,"value":1}})", R"({"run":{"source":"x","arguments":{}}})", R"({"Result":1})",
           R"({"result":1)", R"({"result":1} {"result":2})", R"({"result":1,"result":2})", "{\"result\":\"\xFF\"}",
           R"({"error":"x"})", R"({"error":{}})", R"({"error":{"message":1}})",
           // A tool cannot say that the broker refused it something.
           R"({"error":{"message":"x","code":"denied"}})", R"({"error":{"message":"x","correlation":"1"}})",
           R"({"refused":{"code":"denied","correlation":"1"}})",
           R"({"syscall":{"id":0,"name":"clock.now","arguments":{}}})",
           R"({"syscall":{"id":2,"name":"clock.now","arguments":{}}})",
           R"({"syscall":{"id":-1,"name":"clock.now","arguments":{}}})",
           R"({"syscall":{"id":1.0,"name":"clock.now","arguments":{}}})",
           R"({"syscall":{"id":"1","name":"clock.now","arguments":{}}})",
           R"({"syscall":{"id":true,"name":"clock.now","arguments":{}}})", R"({"syscall":{"id":1,"name":"clock.now"}})",
           R"({"syscall":{"id":1,"name":"clock.now","arguments":[]}})",
           R"({"syscall":{"id":1,"name":"clock.now","arguments":{},"more":1}})",
           R"({"syscall":{"id":1,"name":"","arguments":{}}})",
           R"({"syscall":{"id":1,"name":"Clock now","arguments":{}}})",
           R"({"output":"00"})",  // only shells have it
       }) {
    INFO(line);
    CHECK(is_broken(first(line)));
  }
}

TEST_CASE("a message before the start, or after the end, ends the conversation", "[jit]") {
  JitConversation early(JitLanguage::kPython);
  early.take("{\"result\":1}\n");
  CHECK(is_broken(early.next()));
  (void)early.start("source", {});
  CHECK(is_broken(early.next()));

  JitConversation together = started();
  together.take("{\"result\":1}\n{\"result\":2}\n");
  CHECK(is_broken(together.next()));

  JitConversation later = started();
  later.take("{\"result\":1}\n");
  REQUIRE(std::holds_alternative<JitReturned>(later.next()));
  later.take(" ");
  CHECK(is_broken(later.next()));
  CHECK(is_broken(later.next()));
}

TEST_CASE("calls that come in one piece are handed out one after the other", "[jit]") {
  JitConversation conversation = started();
  conversation.take(call(1) + call(2));
  REQUIRE(std::holds_alternative<JitCall>(conversation.next()));
  REQUIRE(is_waiting(conversation.next()));  // not before the first one is answered
  (void)conversation.reply(nullptr);
  const JitEvent second = conversation.next();
  REQUIRE(std::holds_alternative<JitCall>(second));
  CHECK(std::get<JitCall>(second).id == 2);
  (void)conversation.reply(nullptr);
  conversation.take(call(2));  // again
  CHECK(is_broken(conversation.next()));
}

TEST_CASE("a tool makes 64 calls, and no more", "[jit]") {
  JitConversation conversation = started();
  for (int id = 1; id <= 64; ++id) {
    conversation.take(call(id));
    REQUIRE(std::holds_alternative<JitCall>(conversation.next()));
    (void)conversation.reply(1);
  }
  conversation.take(call(65));
  CHECK(is_broken(conversation.next(), JitBreach::kTooManyCalls));
  conversation.take("{\"result\":1}\n");
  CHECK(is_broken(conversation.next(), JitBreach::kTooManyCalls));
}

TEST_CASE("lines and the whole stream are bounded", "[jit]") {
  const std::string head = "{\"result\":\"";
  const auto line = [&](std::size_t size) { return head + std::string(size - head.size() - 2, 'x') + "\"}"; };
  CHECK(std::holds_alternative<JitReturned>(first(line(kJitLineLimit))));
  CHECK(is_broken(first(line(kJitLineLimit + 1)), JitBreach::kTooLong));

  JitConversation endless = started();
  endless.take(std::string(kJitLineLimit + 1, 'x'));  // no end of the line needed
  CHECK(is_broken(endless.next(), JitBreach::kTooLong));

  JitConversation long_stream = started();
  const std::string padded = R"({"syscall":{"id":)";
  std::size_t sent = 0;
  int id = 0;
  JitEvent event;
  do {
    const std::string next =
        padded + std::to_string(++id) + R"(,"name":"a","arguments":{"x":")" + std::string(100000, 'x') + "\"}}}\n";
    sent += next.size();
    long_stream.take(next);
    event = long_stream.next();
    (void)long_stream.reply(1);
  } while (std::holds_alternative<JitCall>(event));
  CHECK(is_broken(event, JitBreach::kTooLong));
  CHECK(sent > kJitStreamLimit);
  CHECK(sent < kJitStreamLimit + 200000);
}

TEST_CASE("what a script printed is JSON or else text", "[jit]") {
  const auto value = [](const std::string& hex) {
    const JitEvent event = first("{\"output\":\"" + hex + "\"}", JitLanguage::kShell);
    const auto* returned = std::get_if<JitReturned>(&event);
    return returned == nullptr ? std::string("none") : returned->value.to_text();
  };
  CHECK(value("") == "\"\"");
  CHECK(value("330a") == "3");
  CHECK(value("7b2261223a5b315d7d0a0a") == R"({"a": [1]})");
  CHECK(value("6869206865790a") == "\"hi hey\"");
  CHECK(value("c3bc") == "\"\xC3\xBC\"");
  CHECK(value("ff") == "none");  // no text
  CHECK(value("f") == "none");
  CHECK(value("zz") == "none");
}

TEST_CASE("the source of a tool is in no command line", "[jit]") {
  for (const JitLanguage language : {JitLanguage::kPython, JitLanguage::kJavascript, JitLanguage::kShell}) {
    const std::string message = jit_start_message(language, "SOURCE", JsonObject().set("a", "ARGUMENT"));
    CHECK(message.find("SOURCE") != std::string::npos);
    CHECK(message.find("ARGUMENT") != std::string::npos);
    for (const std::string& word : jit_stub_command(language)) {
      CHECK(word.find("SOURCE") == std::string::npos);
      CHECK(word.find('\0') == std::string::npos);
      CHECK(word.size() < 100000);  // the kernel's limit of one word is 128 KiB
    }
  }
  CHECK(jit_start_message(JitLanguage::kShell, "a\n\nb\n", {}) == "{\"run\":{\"source_lines\":4}}\n{}\na\n\nb\n\n");
}

}  // namespace
}  // namespace writ
