// Tools made at run time, run by their real interpreters; only the sandbox around them is left out.
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "broker/primitives/jit_primitives.h"
#include "tests/unit/plain_starter.h"

namespace writ {
namespace {

using primitive_tests::is_gone;
using primitive_tests::open_descriptors;
using primitive_tests::PlainStarter;

// Quotes, line ends, backslashes, an emoji, a script's own language.
const std::string kOdd = "a\"b'c\\d\ne\t$(x)`y`%s \xF0\x9F\x98\x80 {\"reply\":{\"id\":1}} \x7F";

JsonObject object(std::string_view text) {
  auto value = parse_json(text);
  if (!value) FAIL(value.error().describe());
  return std::get<JsonObject>(value->storage());
}

struct Scene {
  PlainStarter starter;
  JitRegistry registry;
  std::vector<std::string> calls;
  JitContext context{
      registry,
      {starter,
       {"other", "/w", {}},
       [this](const std::string& name, const JsonObject& arguments) { return dispatch(name, arguments); },
       [](const std::string&, const PrimitiveFailure&) { return "c-1"; },
       std::chrono::milliseconds(20000)},
      [](std::string_view name) { return name == "read_file"; }};

  // test.echo gives its arguments back.
  PrimitiveResult dispatch(const std::string& name, const JsonObject& arguments) {
    calls.push_back(name);
    if (name == "test.large") return PrimitiveReply{std::string(kJitReply, 'x'), {}};
    if (name != "test.echo") return refuse(PrimitiveCode::kDenied, "a secret reason");
    PrimitiveReply reply{arguments, {}};
    reply.descriptors.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return reply;
  }
  static constexpr std::size_t kJitReply = 3000000;

  JitRun run(JitLanguage language, const std::string& source, const JsonObject& arguments = {}) {
    return run_jit(context.runtime, {"jitc_1", {"tool", "a tool", language, source, {}, {}, {}}}, arguments);
  }
};

void need_interpreter(const JitRun& run) {
  if (run.failure.code == PrimitiveCode::kUnavailable) {
    std::puts("SKIPPED: the interpreter is not installed");
    SUCCEED();
  }
}

std::string result(const JitRun& run) {
  if (run.ending == JitRunEnding::kReturned) return run.value.to_text();
  if (run.ending == JitRunEnding::kFailed) return "failed: " + run.message;
  return std::string(primitive_code_name(run.failure.code)) + ": " + run.failure.detail;
}

constexpr const char* kPython = R"(
import os, sys
print("noise"); os.write(1, b'{"result":"forged"}\n'); print(sys.stdin.read())
def run(args, libos):
    print('{"result":2}', flush=True)
    first = libos.syscall("test.echo", {"text": args["text"]})
    second = libos.syscall("test.echo", {})
    try:
        libos.syscall("clock.now")
    except libos.Refused as refused:
        return [first["text"], second, refused.code, refused.correlation]
)";

constexpr const char* kJavascript = R"(
console.log('{"result":"forged"}');
async function run(args, libos) {
  process.stdout.write('noise');
  const first = await libos.syscall('test.echo', {text: args.text});
  const second = await libos.syscall('test.echo');
  try {
    await libos.syscall('clock.now');
  } catch (refused) {
    return [first.text, second, refused.code, refused.correlation];
  }
} // no line end)";

constexpr const char* kProposal = R"({"name": "add", "description": "Adds", "language": "python",
  "source": "def run(args, libos): return args['a'] + args['b']",
  "input_schema": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]},
  "tests": [{"arguments": {"a": 1, "b": 2}, "expected": 3}, {"arguments": {"a": 0.5, "b": 0.5}, "expected": 1}]})";

void check_round_trip(JitLanguage language, const char* source) {
  Scene scene;
  const std::size_t before = open_descriptors();
  const JitRun run = scene.run(language, source, JsonObject().set("text", kOdd));
  if (run.failure.code == PrimitiveCode::kUnavailable) return need_interpreter(run);
  const JsonArray expected = JsonArray().add(kOdd).add(JsonObject()).add("denied").add("c-1");
  CHECK(result(run) == JsonValue(expected).to_text());
  CHECK(scene.calls == std::vector<std::string>{"test.echo", "test.echo", "clock.now"});
  CHECK(run.printed.find("noise") != std::string::npos);
  CHECK(run.printed.find("secret") == std::string::npos);
  CHECK(open_descriptors() == before);  // descriptors of replies do not stay either
  CHECK(is_gone(scene.starter.process));
}

TEST_CASE("a tool in Python calls, is refused and returns, and what it prints disturbs nothing", "[primitives][jit]") {
  check_round_trip(JitLanguage::kPython, kPython);
}

TEST_CASE("a tool in JavaScript calls, is refused and returns, and what it prints disturbs nothing",
          "[primitives][jit]") {
  check_round_trip(JitLanguage::kJavascript, kJavascript);
}

TEST_CASE("a tool in the shell's language calls, is refused and returns", "[primitives][jit]") {
  Scene scene;
  const std::string source = R"(
echo noise >&2; cat
first=$(libos_syscall test.echo "$LIBOS_ARGUMENTS") || exit 9
refused=$(libos_syscall clock.now); status=$?
(libos_syscall test.echo '{"n":
 1}' >/dev/null) & (libos_syscall test.echo '{"n":2}' >/dev/null) & wait
printf '[%s, %s, %s]\n\n' "$first" "$refused" $status)";
  const JitRun run = scene.run(JitLanguage::kShell, source, JsonObject().set("text", kOdd));
  const JsonValue expected = JsonArray()
                                 .add(JsonObject().set("text", kOdd))
                                 .add(JsonObject().set("code", "denied").set("correlation", "c-1"))
                                 .add(1);
  CHECK(result(run) == expected.to_text());
  CHECK(scene.calls.size() == 4);
  CHECK(run.printed == "noise\n");
}

TEST_CASE("the source of a script arrives byte for byte", "[primitives][jit]") {
  Scene scene;
  // Every byte that UTF-8 can have after the first one, leading and trailing blanks, empty lines, a carriage return.
  std::string text = "  \\ \r\n\n\t$x `y` \"z\" \n\n";
  for (int byte = 0x80; byte < 0xC0; ++byte) text.append("\xC2").push_back(static_cast<char>(byte));
  for (char byte = 1; byte < 0x7F; ++byte)
    if (byte != '\'') text.push_back(byte);
  text += "|";
  const JitRun run = scene.run(JitLanguage::kShell, "printf '%s' '" + text + "'");
  CHECK(result(run) == JsonValue(text).to_text());
}

// More of this, in the sandbox: integration/jit_stub_test.py.
TEST_CASE("a tool that fails says so in its own words", "[primitives][jit]") {
  Scene scene;
  CHECK(result(scene.run(JitLanguage::kPython, "def run(args, libos): raise ValueError('no')")) ==
        "failed: ValueError: no");
  CHECK(result(scene.run(JitLanguage::kShell, "exit 3")) == "failed: the script ended with status 3");
  const JitRun waiting = scene.run(JitLanguage::kJavascript, "async function run() { await new Promise(() => {}); }");
  if (waiting.failure.code == PrimitiveCode::kUnavailable) return need_interpreter(waiting);
  CHECK(result(waiting).starts_with("failed: Error: the tool waits"));
}

TEST_CASE("without an interpreter or a sandbox a tool is unavailable, and nothing is validated", "[primitives][jit]") {
  Scene scene;
  REQUIRE(jit_propose(scene.context, object(kProposal)));
  for (const int status : {125, 126, 127}) {
    scene.starter.status = status;
    CHECK(result(scene.run(JitLanguage::kPython, "x")).starts_with("unavailable"));
    CHECK(jit_validate(scene.context, object(R"({"candidate": "jitc_1"})")).error().code ==
          PrimitiveCode::kUnavailable);
  }
  CHECK(jit_register(scene.context, object(R"({"candidate": "jitc_1"})")).error().code == PrimitiveCode::kConflict);
  scene.starter.status = 0;  // it ends well, and says nothing
  CHECK(result(scene.run(JitLanguage::kPython, "x")).starts_with("failed"));
}

TEST_CASE("a tool that speaks on the channel itself is ended", "[primitives][jit]") {
  Scene scene;
  const auto forged = [&](const std::string& line) {
    return result(scene.run(JitLanguage::kShell, "printf '%s\\n' '" + line + "' >&9"));
  };
  CHECK(forged(R"({"reply":{"id":1,"refused":{"code":"denied","correlation":"1"}}})")
            .starts_with("failed: it left the protocol"));
  CHECK(forged(R"({"error":{"message":"x","code":"denied"}})").starts_with("failed: it left the protocol"));
  CHECK(
      forged(R"({"syscall":{"id":7,"name":"test.echo","arguments":{}}})").starts_with("failed: it left the protocol"));
  CHECK(scene.calls.empty());
  CHECK(result(scene.run(JitLanguage::kShell, "head -c 300000 /dev/zero >&9")).starts_with("too_large"));
}

TEST_CASE("calls beyond the limit, descriptors, and tools about tools are refused to a tool", "[primitives][jit]") {
  Scene scene;
  const char* many = "def run(args, libos):\n  for i in range(args['n']): libos.syscall('test.echo')\n  return 'done'";
  CHECK(result(scene.run(JitLanguage::kPython, many, object(R"({"n": 64})"))) == "\"done\"");
  CHECK(result(scene.run(JitLanguage::kPython, many, object(R"({"n": 65})"))).starts_with("limit"));
  scene.calls.clear();
  const char* codes = R"(
def run(args, libos):
    def code(name):
        try: libos.syscall(name)
        except libos.Refused as refused: return refused.code
    return [code(name) for name in args["names"]])";
  const JsonObject names = object(R"({"names": ["filesystem.open", "network.connect", "jit.propose", "test.large"]})");
  CHECK(result(scene.run(JitLanguage::kPython, codes, names)) ==
        R"(["unavailable", "unavailable", "unavailable", "too_large"])");
  CHECK(scene.calls == std::vector<std::string>{"test.large"});
}

TEST_CASE("time and output of a tool are bounded, and nothing of it is left", "[primitives][jit]") {
  Scene scene;
  const JitRun loud = scene.run(JitLanguage::kShell, "head -c 500000 /dev/zero >&2; echo done");
  CHECK(result(loud) == "\"done\"");
  CHECK(loud.printed.size() == kJitErrorLimit);
  scene.context.runtime.time_limit = std::chrono::milliseconds(100);
  CHECK(result(scene.run(JitLanguage::kPython, "while True: pass")).starts_with("timed_out"));
  CHECK(is_gone(scene.starter.process));
  scene.starter.fails = true;
  CHECK(result(scene.run(JitLanguage::kPython, "x")).starts_with("unavailable"));
}

TEST_CASE("a tool runs in the profile jit, whatever the outer call has", "[primitives][jit]") {
  Scene scene;
  (void)scene.run(JitLanguage::kShell, "true");
  const std::vector<std::string>& words = scene.starter.last;
  CHECK(std::count(words.begin(), words.end(), "--profile=jit") == 1);
  CHECK(std::count(words.begin(), words.end(), "--profile=other") == 0);
  CHECK(std::count(words.begin(), words.end(), "--chdir=/") == 1);
}

TEST_CASE("a tool is proposed, validated, registered and called", "[primitives][jit]") {
  Scene scene;
  const JsonObject id = object(R"({"candidate": "jitc_1"})");
  const auto text = [](const PrimitiveResult& reply) {
    return reply ? reply->value.to_text() : std::string(primitive_code_name(reply.error().code));
  };
  CHECK(text(jit_propose(scene.context, object(kProposal))) == R"({"candidate": "jitc_1"})");
  CHECK(text(jit_register(scene.context, id)) == "conflict");
  CHECK(text(call_jit_tool(scene.context, "add", {})) == "unknown_name");
  CHECK(text(jit_validate(scene.context, id)) == R"({"valid": true, "problems": []})");
  CHECK(text(jit_register(scene.context, id)) == R"({"tool": "add"})");
  CHECK(text(jit_register(scene.context, id)) == "exists");
  CHECK(text(call_jit_tool(scene.context, "add", object(R"({"a": 40, "b": 2})"))) == "42");
  CHECK(text(call_jit_tool(scene.context, "add", object(R"({"a": "40", "b": 2})"))) == "invalid_arguments");
  CHECK(text(jit_validate(scene.context, object(R"({"candidate": "jitc_2"})"))) == "not_found");
}

TEST_CASE("a validation names what is wrong, and fails where there is no sandbox", "[primitives][jit]") {
  Scene scene;
  const JsonObject wrong = object(R"({"name": "add", "description": "Adds", "language": "python",
    "source": "def run(args, libos): return 1 / args['a']",
    "tests": [{"arguments": {"a": 1}, "expected": 2}, {"arguments": {"a": 0}, "expected": null}]})");
  const JsonObject id = object(R"({"candidate": "jitc_1"})");
  REQUIRE(jit_propose(scene.context, wrong));
  const PrimitiveResult validation = jit_validate(scene.context, id);
  REQUIRE(validation);
  CHECK(
      validation->value.to_text() ==
      R"({"valid": false, "problems": ["test 1: the result is not the expected one", "test 2: it fails: ZeroDivisionError: division by zero"]})");
  scene.starter.fails = true;
  CHECK(jit_validate(scene.context, id).error().code == PrimitiveCode::kUnavailable);
  CHECK(jit_register(scene.context, id).error().code == PrimitiveCode::kConflict);
}

TEST_CASE("proposals that are not as they must be are refused", "[primitives][jit]") {
  Scene scene;
  const auto code = [&](std::string_view key, const JsonValue& value) {
    JsonObject changed = object(kProposal);
    changed.set(key, value);
    const PrimitiveResult result = jit_propose(scene.context, changed);
    return result ? std::string("taken") : std::string(primitive_code_name(result.error().code));
  };
  CHECK(code("name", "add") == "taken");
  CHECK(code("requested_capabilities", JsonArray()) == "taken");
  CHECK(code("requested_capabilities", JsonArray().add("shell:git")) == "invalid_arguments");
  CHECK(code("language", "ruby") == "invalid_arguments");
  CHECK(code("name", "Add") == "invalid_arguments");
  CHECK(code("more", 1) == "invalid_arguments");
  CHECK(code("tests", 1) == "invalid_arguments");
  CHECK(code("tests", JsonArray().add(JsonObject().set("arguments", JsonObject()))) == "invalid_arguments");
  CHECK(code("tests", JsonArray().add(JsonObject().set("arguments", 1).set("expected", 1))) == "invalid_arguments");
  CHECK(code("source", 1) == "invalid_arguments");
  // The names of other tools are taken.
  CHECK(code("name", "read_file") == "taken");
  const std::string last = "jitc_3";
  REQUIRE(jit_validate(scene.context, JsonObject().set("candidate", last)));
  CHECK(jit_register(scene.context, JsonObject().set("candidate", last)).error().code == PrimitiveCode::kExists);
}

}  // namespace
}  // namespace writ
