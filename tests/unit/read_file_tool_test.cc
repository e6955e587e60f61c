// read_file: whole files, windows of large ones, and sums that agree with the broker's own.
#include "tools/native/read_file_tool.h"

#include <catch2/catch.hpp>

#include "broker/audit/audit_crypto.h"
#include "broker/base/hex_text.h"
#include "tests/unit/native_tools_fixture.h"

namespace writ::native_tools_tests {
namespace {

std::string read_from(FakeBroker& broker, std::string_view more = "") {
  const ToolResult<JsonValue> result = read_file(broker, json(R"({"path": "f")" + std::string(more) + "}"));
  return result ? result->to_text() : outcome(result) + ": " + message(result);
}

std::string result_text(std::string_view text, std::string_view rest) {
  return R"({"text": )" + JsonValue(text).to_text() + ", " + std::string(rest) + "}";
}

// Many lines, together more than what comes as text: "line 1\n", "line 2\n", …
std::string many_lines(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

TEST_CASE("read_file: a small file is one request", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "ä\nb";
  const std::string sum = sha256_text("ä\nb");
  CHECK(read_from(broker) ==
        result_text("ä\nb", R"("first_line": 1, "lines": 2, "total_lines": 2, "content_sha256": ")" + sum +
                                R"(", "truncated": false)"));
  CHECK(broker.asked == std::vector<std::string>{"filesystem.read_text f"});
}

TEST_CASE("read_file: an empty file has no lines", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "";
  CHECK(read_from(broker).find(R"("lines": 0, "total_lines": 0)") != std::string::npos);
}

TEST_CASE("read_file: a range of lines", "[native]") {
  FakeBroker broker;
  broker.files["f"] = "1\n2\n3\n4\n";
  CHECK(read_from(broker, R"(, "offset_line": 2, "limit_lines": 2)")
            .starts_with(R"({"text": "2\n3\n", "first_line": 2, "lines": 2, "total_lines": 4)"));
  CHECK(read_from(broker, R"(, "offset_line": 2, "limit_lines": 2)").find(R"("truncated": true)") != std::string::npos);
  CHECK(read_from(broker, R"(, "offset_line": 3, "limit_lines": 2)").find(R"("truncated": false)") !=
        std::string::npos);
  CHECK(read_from(broker, R"(, "offset_line": 9)").starts_with(R"({"text": "", "first_line": 9, "lines": 0)"));
}

TEST_CASE("read_file: lines of a file that is not loaded whole", "[native]") {
  FakeBroker broker;
  broker.files["f"] = many_lines(50'000);
  const std::string read = read_from(broker, R"(, "offset_line": 49999, "limit_lines": 1)");
  CHECK(read.starts_with(R"({"text": "line 49999\n", "first_line": 49999, "lines": 1, "total_lines": 50000)"));
  CHECK(read.find(sha256_text(broker.files["f"])) != std::string::npos);
  CHECK(broker.asked == std::vector<std::string>{"filesystem.read_text f", "filesystem.open f"});
}

TEST_CASE("read_file: where the bytes do not suffice, it ends with a whole line", "[native]") {
  FakeBroker broker;
  broker.files["f"] = many_lines(20'000);
  const std::string read = read_from(broker, R"(, "max_bytes": 20)");
  CHECK(read.starts_with(R"({"text": "line 1\nline 2\n", "first_line": 1, "lines": 2)"));
  CHECK(read.find(R"("truncated": true)") != std::string::npos);
  broker.files["f"] = "ääääääääääää";
  CHECK(read_from(broker, R"(, "max_bytes": 17)").starts_with(R"({"text": "ääääääää", "first_line": 1, "lines": 1)"));
}

TEST_CASE("read_file: bytes that are no text are refused", "[native]") {
  FakeBroker broker;
  broker.files["f"] = many_lines(10'000) + "\xFF\n";
  CHECK(read_from(broker, R"(, "offset_line": 10001)").starts_with("wrong_kind: cannot read 'f'"));
  CHECK(read_from(broker, R"(, "limit_lines": 1)").starts_with(R"({"text": "line 1\n")"));
}

TEST_CASE("read_file: refusals and wrong arguments", "[native]") {
  FakeBroker broker;
  CHECK(read_from(broker) == "not_found: cannot read 'f': there is nothing of this name (reference c-1)");
  CHECK(read_from(broker, R"(, "offset_line": 0)").starts_with("invalid_arguments"));
  CHECK(read_from(broker, R"(, "max_bytes": 2000000)").starts_with("invalid_arguments"));
  CHECK(read_from(broker, R"(, "other": 1)").starts_with("invalid_arguments"));
}

TEST_CASE("sha256: known answers, and the audit log's", "[native]") {
  CHECK(sha256_text("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_text("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  std::string text;
  for (int i = 0; i < 200; ++i) {
    tools::Sha256 in_pieces;
    for (std::size_t at = 0; at < text.size(); at += 7) in_pieces.update(std::string_view(text).substr(at, 7));
    const std::string own = in_pieces.finish();
    REQUIRE(own == sha256_text(text));
    REQUIRE(own == hex_text(writ::sha256(text)));
    text += static_cast<char>(i);
  }
}

}  // namespace
}  // namespace writ::native_tools_tests
