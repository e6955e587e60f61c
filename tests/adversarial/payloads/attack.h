// The payload of the adversarial tests: one static program, one attack a subcommand.
//
// Each attack prints one line, `ESCAPED <what>` (exit status 0), `STOPPED <errno name>` (1) or `UNDECIDED <why>` (2:
// the attack cannot be tried here), so that the same call inside and outside of a sandbox can be compared.
#ifndef WRIT_TESTS_ADVERSARIAL_PAYLOADS_ATTACK_H_
#define WRIT_TESTS_ADVERSARIAL_PAYLOADS_ATTACK_H_

#include <stddef.h>

enum { kEscaped = 0, kStopped = 1, kUndecided = 2 };

struct attack {
  const char* name;
  int (*run)(int argc, char** argv);  // argv[0] is the first argument of the attack
  int arguments;                      // how many it needs at least
};

// Tables end with a null name.
extern const struct attack path_attacks[];
extern const struct attack mode_attacks[];
extern const struct attack descriptor_attacks[];
extern const struct attack ioctl_attacks[];
extern const struct attack program_attacks[];
extern const struct attack process_attacks[];
extern const struct attack memory_attacks[];
extern const struct attack signal_attacks[];
extern const struct attack syscall_attacks[];
extern const struct attack namespace_attacks[];
extern const struct attack sharing_attacks[];
extern const struct attack socket_attacks[];
extern const struct attack resource_attacks[];
extern const struct attack command_attacks[];

int escaped(const char* format, ...) __attribute__((format(printf, 1, 2)));
int undecided(const char* why);
int stopped(int error);
// `result` of a system call: negative is a stop with errno.
int judge(long result, const char* what);
// Waits for `child` and passes on the verdict that it left with.
int verdict_of(int child);
// Reads what `fd` holds and looks for `marker` in it.
int judge_content(int fd, const char* marker);

#endif  // WRIT_TESTS_ADVERSARIAL_PAYLOADS_ATTACK_H_
