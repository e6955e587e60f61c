// The stand-in: what is in the view where a ruled program would be. Asks the broker to run the command, and leaves with
// its exit status. Freestanding: no library, no loader, no data; it runs with whatever authority the caller has, and
// that is none.
#include <sys/syscall.h>

#include "broker/kernel/raw_syscall.h"
#include "broker/policy/command_call.h"

namespace {

constexpr int kStandardError = 2;
constexpr int kNoBroker = 126;
constexpr int kTextLimit = 4096;

void say(const char* text, long length) { (void)writ::raw_syscall(SYS_write, kStandardError, text, length); }

// The broker does not write to descriptors of a tool, which may be full for ever: the text comes here instead.
void copy_text(int from) {
  char text[kTextLimit];
  const long got = writ::raw_syscall(SYS_read, from, text, sizeof text);
  if (got > 0) say(text, got);
}

int ask(long argc, char** argv) {
  const long answer = writ::raw_syscall(writ::kCommandCall, argc, argv);
  if (answer < 0) {
    constexpr char kText[] = "writ: this program is run by Writ, which did not answer\n";
    say(kText, sizeof kText - 1);
    return kNoBroker;
  }
  if (writ::command_descriptor(answer) >= 0) copy_text(writ::command_descriptor(answer));
  return writ::command_status(answer);
}

}  // namespace

// `stack` is the process's first one: argc, then argv (System V ABI; AArch64 ABI).
extern "C" [[noreturn]] void stand_in_main(long* stack) {
  const int status = ask(stack[0], reinterpret_cast<char**>(stack + 1));
  for (;;) writ::raw_syscall(SYS_exit_group, status);
}

#if defined(__x86_64__)
__asm__(
    ".globl _start\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call stand_in_main\n");
#elif defined(__aarch64__)
__asm__(
    ".globl _start\n"
    "_start:\n"
    "  mov x29, xzr\n"
    "  mov x30, xzr\n"
    "  mov x0, sp\n"
    "  bl stand_in_main\n");
#endif
