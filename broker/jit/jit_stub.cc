#include "broker/jit/jit_stub.h"

#include <algorithm>

namespace writ {
namespace {

// tests/integration/jit_stub_test.py reads the three texts between their marks.

constexpr std::string_view kPythonStub = R"PYTHON(
import json, os, sys


def start():
    # Copies above 2 are closed in programs that the tool starts (PEP 446).
    source, sink = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)

    def send(message):
        data = json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
        while data:
            data = data[os.write(sink, data):]

    def receive():
        line = source.readline()
        if not line.endswith(b"\n"):
            os._exit(1)  # the broker is gone
        return json.loads(line)

    return send, receive


class Refused(Exception):
    """What libos.syscall() raises when the broker refuses."""

    def __init__(self, code, correlation):
        super().__init__(code)
        self.code, self.correlation = code, correlation


class Libos:
    Refused = Refused

    def __init__(self, send, receive):
        import threading
        self._send, self._receive, self._calls, self._turn = send, receive, 0, threading.Lock()

    def syscall(self, name, arguments=None):
        with self._turn:
            call = {"id": self._calls + 1, "name": name, "arguments": {} if arguments is None else arguments}
            self._send({"syscall": call})
            self._calls += 1
            reply = self._receive()["reply"]
        if "refused" in reply:
            raise Refused(reply["refused"]["code"], reply["refused"]["correlation"])
        return reply["value"]


def message_of(error):
    text = f"{type(error).__name__}: {error}"[:1000]
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def main():
    send, receive = start()
    order = receive()["run"]
    tool = {"__name__": "tool"}
    try:
        exec(compile(order["source"], "tool", "exec"), tool)
        if not callable(tool.get("run")):
            raise NameError("the source defines no function run(args, libos)")
        send({"result": tool["run"](order["arguments"], Libos(send, receive))})
    except BaseException as error:
        import traceback
        traceback.print_exc()
        send({"error": {"message": message_of(error)}})
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


main()
)PYTHON";

// Node has no dup(2): a shell moves the channel to 3 and 4.
constexpr std::string_view kJavascriptStart =
    "exec 3<&0 4>&1 </dev/null >&2; exec node --no-warnings --disallow-code-generation-from-strings "
    "--max-old-space-size=256 -e \"$1\"";

constexpr std::string_view kJavascriptStub = R"JAVASCRIPT(
'use strict';
(() => {
  const fs = require('fs');
  const vm = require('vm');
  const pieces = [];

  function send(message) {
    const text = JSON.stringify(message);
    // Half of a surrogate pair is no text, and would end the conversation.
    if (/(^|[^\\])(\\\\)*\\ud[89a-f]/.test(text)) throw new TypeError('a text is not well-formed Unicode');
    const data = Buffer.from(text + '\n');
    for (let at = 0; at < data.length;) at += fs.writeSync(4, data, at);
  }

  function receive() {
    for (;;) {
      const piece = Buffer.alloc(65536);
      const length = fs.readSync(3, piece);
      if (length === 0) process.exit(1);  // the broker is gone
      pieces.push(piece.subarray(0, length));
      if (piece[length - 1] !== 10) continue;  // one line at a time is sent
      return JSON.parse(Buffer.concat(pieces.splice(0)).toString());
    }
  }

  class LibosRefused extends Error {
    constructor(refused) {
      super(refused.code);
      this.name = 'LibosRefused';
      this.code = refused.code;
      this.correlation = refused.correlation;
    }
  }

  let calls = 0;
  const libos = Object.freeze({
    LibosRefused,
    async syscall(name, args = {}) {
      send({syscall: {id: calls + 1, name, arguments: args}});
      calls += 1;
      const reply = receive().reply;
      if ('refused' in reply) throw new LibosRefused(reply.refused);
      return reply.value;
    },
  });

  function end(message) {
    send(message);
    process.exit(0);
  }

  function fail(error) {
    console.error(error);
    let text = 'the tool failed';
    try { text = String(error).slice(0, 1000); } catch (_) { /* it cannot be shown */ }
    end({error: {message: Buffer.from(text).toString()}});
  }

  process.on('uncaughtException', fail);
  const order = receive().run;
  async function main() {
    const tool = {exports: {}};
    const load = vm.compileFunction(
        order.source + "\n;return typeof run === 'function' ? run : module.exports.run;",
        ['module', 'exports', 'require'], {filename: 'tool'});
    const run = load(tool, tool.exports, require);
    if (typeof run !== 'function') throw new ReferenceError('the source defines no function run(args, libos)');
    const value = await run(order.arguments, libos);
    const text = JSON.stringify(value);
    end({result: text === undefined ? null : value});
  }
  main().catch(fail);
  // A promise that nothing will settle leaves the loop empty.
  process.on('beforeExit', () => fail(new Error('the tool waits for something that never comes')));
})();
)JAVASCRIPT";

// The channel is 8 and 9. Descriptor 7 is a queue with one empty line in it: whoever has taken that has the turn, so
// that parallel parts of a script do not read each other's replies. (One byte: read(1) in shells takes bytes, not
// lines.)
constexpr std::string_view kShellStub = R"SHELL(
exec 8<&0 9>&1 </dev/null >&2
libos_newline='
'
libos_directory=$(mktemp -d "${TMPDIR:-/tmp}/libos.XXXXXX") && mkfifo "$libos_directory/turn" || exit 1
exec 7<>"$libos_directory/turn"
echo 0 >"$libos_directory/calls"
echo >&7

libos_syscall() (
  case ${1-} in '' | *[!a-z0-9_.]*) echo 'usage: libos_syscall NAME JSON' >&2; exit 2 ;; esac
  arguments=${2:-"{}"}
  while :; do
    case $arguments in
      *"$libos_newline"*) arguments="${arguments%%"$libos_newline"*} ${arguments#*"$libos_newline"}" ;;
      *) break ;;
    esac
  done
  IFS= read -r number <&7 || exit 2
  IFS= read -r number <"$libos_directory/calls" || exit 2
  number=$((number + 1))
  echo "$number" >"$libos_directory/calls"
  printf '{"syscall":{"id":%s,"name":"%s","arguments":%s}}\n' "$number" "$1" "$arguments" >&9
  IFS= read -r reply <&8 || exit 2
  echo >&7
  case $reply in
    '{"reply":{"id":'"$number"',"value":'*) reply=${reply#*'"value":'}; status=0 ;;
    '{"reply":{"id":'"$number"',"refused":'*) reply=${reply#*'"refused":'}; status=1 ;;
    *) exit 2 ;;
  esac
  printf '%s\n' "${reply%??}"
  exit "$status"
)

IFS= read -r libos_line <&8 && IFS= read -r LIBOS_ARGUMENTS <&8 || exit 1
libos_left=${libos_line##*:}
libos_left=${libos_left%??}
IFS= read -r libos_source <&8 || exit 1
while libos_left=$((libos_left - 1)); [ "$libos_left" -gt 0 ]; do
  IFS= read -r libos_line <&8 || exit 1
  libos_source=$libos_source$libos_newline$libos_line
done
unset libos_line libos_left

(eval "$libos_source") >"$libos_directory/output"
libos_status=$?
if [ "$libos_status" -eq 0 ]; then
  printf '{"output":"%s"}\n' "$(od -An -v -tx1 -N131072 "$libos_directory/output" | tr -d ' \n')" >&9
else
  printf '{"error":{"message":"the script ended with status %s"}}\n' "$libos_status" >&9
fi
rm -rf "$libos_directory"
)SHELL";

std::string one_line(const JsonValue& value) { return value.to_text() + "\n"; }

}  // namespace

std::vector<std::string> jit_stub_command(JitLanguage language) {
  switch (language) {
    case JitLanguage::kPython:
      return {"python3", "-I", "-S", "-c", std::string(kPythonStub)};
    case JitLanguage::kJavascript:
      return {"sh", "-c", std::string(kJavascriptStart), "sh", std::string(kJavascriptStub)};
    case JitLanguage::kShell:
      break;
  }
  return {"sh", "-c", std::string(kShellStub)};
}

std::string jit_start_message(JitLanguage language, std::string_view source, const JsonObject& arguments) {
  JsonObject order;
  if (language != JitLanguage::kShell) {
    order.set("source", source).set("arguments", arguments);
    return one_line(JsonObject().set("run", std::move(order)));
  }
  const auto lines = std::count(source.begin(), source.end(), '\n') + 1;
  std::string message = "{\"run\":{\"source_lines\":" + std::to_string(lines) + "}}\n" + one_line(arguments);
  return message.append(source).append("\n");
}

}  // namespace writ
