// The bytes of the messages of the broker socket, and what their payloads say.
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "broker/protocol/message.h"
#include "broker/protocol/message_forms.h"
#include "tests/unit/protocol_scene.h"

namespace writ {
namespace {

JsonObject parsed(std::string_view text) {
  auto payload = decode_payload(text);
  REQUIRE(payload);
  return std::move(*payload);
}

std::string reason(const RawHeader& header, std::string_view rest = "{}") {
  const auto decoded = decode_header(as_bytes(header.bytes() + std::string(rest)));
  return decoded ? "" : decoded.error().what;
}

std::string nested(std::size_t depth) {
  return R"({"a":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
}

std::string object_of(std::size_t members) {
  std::string text = "{";
  for (std::size_t i = 0; i < members; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  return text + "}";
}

TEST_CASE("a header has the bytes that the document says", "[protocol]") {
  const auto bytes =
      encode_header({MessageType::kReply, PayloadPlace::kInDescriptor, 3, 0x00012345, 0x1122334455667788});
  const std::array<std::uint8_t, 24> expected = {0x57, 0x52, 0x49, 0x54, 1,    0,    5, 0, 0x88, 0x77, 0x66, 0x55,
                                                 0x44, 0x33, 0x22, 0x11, 0x45, 0x23, 1, 0, 3,    0,    1,    0};
  CHECK(bytes == expected);
  const auto decoded = decode_header(bytes);
  REQUIRE(decoded);
  CHECK(decoded->type == MessageType::kReply);
  CHECK(decoded->place == PayloadPlace::kInDescriptor);
  CHECK(decoded->descriptors == 3);
  CHECK(decoded->length == 0x12345);
  CHECK(decoded->id == 0x1122334455667788);
}

TEST_CASE("each field of a header is checked", "[protocol]") {
  const RawHeader sound = {.length = 2};
  CHECK(reason(sound).empty());  // the control: nothing else below is wrong
  const auto with = [&](const std::function<void(RawHeader&)>& change) {
    RawHeader header = sound;
    change(header);
    return reason(header);
  };
  CHECK(with([](RawHeader& h) { h.magic = "WRIt"; }) == "a packet does not begin with 'WRIT'");
  CHECK(with([](RawHeader& h) { h.version = 0; }) == "a message has another version than 1");
  CHECK(with([](RawHeader& h) { h.version = 0x0101; }) == "a message has another version than 1");
  CHECK(with([](RawHeader& h) { h.type = 0; }) == "there is no message of type 0");
  CHECK(with([](RawHeader& h) { h.type = 9; }) == "there is no message of type 9");
  CHECK(with([](RawHeader& h) { h.type = 0x0104; }) == "there is no message of type 260");
  CHECK(with([](RawHeader& h) { h.flags = 2; }) == "a message has flags that do not exist");
  CHECK(with([](RawHeader& h) { h.flags = 0x8000; }) == "a message has flags that do not exist");
  CHECK(with([](RawHeader& h) { h.id = 0; }) == "a message of type request has the wrong id");
  CHECK(with([](RawHeader& h) { h.type = 1; }) == "a message of type hello has the wrong id");
  CHECK(with([](RawHeader& h) { h.length = 1; }) == "the length of a message is not that of its packet");
  CHECK(with([](RawHeader& h) { h.length = 0xFFFFFFFF; }) == "the length of a message is not that of its packet");
  CHECK(with([](RawHeader& h) { h.descriptors = 1; }) == "a message of type request has too many descriptors");
  CHECK(with([](RawHeader& h) { h.type = 5, h.descriptors = 4; }).empty());
  CHECK(with([](RawHeader& h) { h.type = 5, h.descriptors = 5; }) ==
        "a message of type reply has too many descriptors");
}

TEST_CASE("a header whose payload is in a descriptor is checked", "[protocol]") {
  const RawHeader sound = {.length = 100, .descriptors = 1, .flags = 1};
  CHECK(reason(sound, "").empty());
  CHECK(reason(sound, "{}") == "the length of a message is not that of its packet");
  RawHeader header = sound;
  header.descriptors = 0;
  CHECK(reason(header, "") == "a message says that its payload is in a descriptor, and has none");
  header.descriptors = 2;
  CHECK(reason(header, "") == "a message of type request has too many descriptors");
  header = sound;
  header.length = kPayloadLimit;
  CHECK(reason(header, "").empty());
  header.length = kPayloadLimit + 1;
  CHECK(reason(header, "") == "the payload of a message is longer than 2097152 bytes");
}

TEST_CASE("every packet that is cut is refused", "[protocol]") {
  const std::string packet = raw_packet({}, R"({"name":"clock.now","arguments":{}})");
  REQUIRE(decode_header(as_bytes(packet)));
  for (std::size_t size = 0; size < packet.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_header(as_bytes(packet).first(size)));
  }
}

TEST_CASE("a payload is one JSON object within limits", "[protocol]") {
  CHECK(decode_payload("{}"));
  for (const std::string_view text : {"", "[]", "1", "null", "\"x\"", "{", "{}{}", "{} x", R"({"a":1,"a":2})",
                                      R"({"a":1,"\u0061":2})", "{\"a\":\"\xff\"}", "{\"a\":1,}", "{/**/}"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_payload(text));
  }
  CHECK(decode_payload(nested(kJsonDepthLimit)));
  CHECK_FALSE(decode_payload(nested(kJsonDepthLimit + 1)));
  CHECK(decode_payload(object_of(kMemberLimit)));
  CHECK_FALSE(decode_payload(object_of(kMemberLimit + 1)));
}

TEST_CASE("the bounds of a payload look at what is outside of strings", "[protocol]") {
  const std::string marks(10 * kMemberLimit, ':');
  CHECK(check_payload_bounds(R"({"a":")" + marks + R"("})"));
  CHECK(check_payload_bounds(R"({"a":"\")" + marks + R"("})"));
  CHECK_FALSE(check_payload_bounds(R"({"a":"\\")" + marks + R"("})"));
  std::string list = R"({"a":[0)";
  for (std::size_t i = 3; i < kValueLimit; ++i) list += ",0";
  CHECK(check_payload_bounds(list + "]}"));
  CHECK_FALSE(check_payload_bounds(list + ",0,0,0]}"));
}

// Without the bound this takes minutes: every key is compared with all before it.
TEST_CASE("a payload of nothing but members is refused at once", "[protocol]") {
  const std::string text = object_of(kPayloadLimit / 10);
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(decode_payload(text));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
}

TEST_CASE("what is made of a form is read back", "[protocol]") {
  CHECK(read_hello(hello_message("mine/1").payload) == "mine/1");
  CHECK(read_welcome(welcome_message().payload));
  JsonObject arguments;
  arguments.set("path", "notes");
  const auto request = read_request(request_message(3, "filesystem.stat", arguments).payload);
  REQUIRE(request);
  CHECK(request->name == "filesystem.stat");
  CHECK(JsonValue(request->arguments).to_text() == R"({"path": "notes"})");
  const auto call = read_call(call_message(4, "read_file", arguments).payload);
  REQUIRE(call);
  CHECK(call->name == "read_file");
  CHECK(read_value(reply_message(3, nullptr).payload)->to_text() == "null");
  CHECK(read_value(result_message(4, 7).payload)->to_text() == "7");
  const auto refusal = read_refusal(refusal_message(3, "denied", "17").payload);
  REQUIRE(refusal);
  CHECK((refusal->code == "denied" && refusal->correlation == "17"));
  const auto failure = read_failure(failure_message(4, "not_mine", "why").payload);
  REQUIRE(failure);
  CHECK((failure->code == "not_mine" && failure->message == "why"));
}

TEST_CASE("a payload of another form is refused", "[protocol]") {
  const auto hello = [](std::string_view text) { return read_hello(parsed(text)).has_value(); };
  CHECK(hello(R"({"versions":[2,1],"client":"x/1"})"));
  for (const std::string_view text :
       {R"({"versions":[2],"client":"x/1"})", R"({"versions":1,"client":"x"})", R"({"versions":["1"],"client":"x"})",
        R"({"versions":[1]})", R"({"versions":[1],"client":"x","more":1})", R"({"versions":[1],"client":7})",
        R"({"versions":[1],"client":"\u001b[2J"})", R"({"versions":[1.0],"client":"x"})"})
    CHECK_FALSE(hello(text));
  CHECK_FALSE(hello(R"({"versions":[1],"client":")" + std::string(kMessageNameLimit + 1, 'x') + "\"}"));
  const auto request = [](std::string_view text) { return read_request(parsed(text)).has_value(); };
  CHECK(request(R"({"name":"x","arguments":{}})"));
  for (const std::string_view text : {R"({"name":"","arguments":{}})", R"({"name":"x","arguments":[]})",
                                      R"({"name":"x"})", R"({"name":"x\u0000","arguments":{}})",
                                      R"({"tool":"x","arguments":{}})", R"({"name":"x","arguments":{},"id":1})"})
    CHECK_FALSE(request(text));
  CHECK_FALSE(read_refusal(parsed(R"({"code":"no_such_code","correlation":"1"})")));
  CHECK_FALSE(read_refusal(parsed(R"({"code":"denied","correlation":1})")));
  CHECK_FALSE(read_failure(parsed(R"({"code":"Not A Word","message":""})")));
  CHECK_FALSE(read_failure(parsed(R"({"code":"","message":""})")));
  CHECK_FALSE(read_value(parsed("{}")));
  CHECK_FALSE(read_value(parsed(R"({"value":1,"other":2})")));
}

TEST_CASE("a welcome must promise the limits of the version", "[protocol]") {
  const auto welcome = [](std::string_view text) { return read_welcome(parsed(text)).has_value(); };
  CHECK(welcome(R"({"version":1,"limits":{"message":65536,"payload":2097152,"outstanding":16}})"));
  CHECK(welcome(R"({"version":1,"limits":{"message":65536,"payload":2097152,"outstanding":16,"more":1}})"));
  CHECK_FALSE(welcome(R"({"version":2,"limits":{"message":65536,"payload":2097152,"outstanding":16}})"));
  CHECK_FALSE(welcome(R"({"version":1,"limits":{"message":4096,"payload":2097152,"outstanding":16}})"));
  CHECK_FALSE(welcome(R"({"version":1,"limits":{"message":65536,"payload":2097152}})"));
}

// The first part of a file's name says what becomes of it: good, or bad.
TEST_CASE("the fuzz corpus of messages does what its names say", "[protocol][fuzz]") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WRIT_SOURCE_DIR "/tests/fuzz/corpus/protocol_message")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string packet{std::istreambuf_iterator<char>(file), {}};
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    const auto header = decode_header(as_bytes(packet));
    const bool good = header && (header->place == PayloadPlace::kInDescriptor ||
                                 decode_payload(std::string_view(packet).substr(kHeaderSize)));
    CHECK(good == name.starts_with("good_"));
    CHECK((name.starts_with("good_") || name.starts_with("bad_")));
    ++count;
  }
  CHECK(count >= 20);
}

}  // namespace
}  // namespace writ
