// The part of a process's memory that the kernel shows as /proc/PID/cmdline and /proc/PID/environ (proc(5)).
#ifndef WRIT_BROKER_KERNEL_ARGUMENT_AREA_H_
#define WRIT_BROKER_KERNEL_ARGUMENT_AREA_H_

namespace writ {

// Overwrites the calling process's own arguments and environment with zeros, and its command line with `title` where it
// is long enough. argv, environ and what getenv(3) returned are empty afterwards. Plain memory writes: usable between
// fork and exec; never in a process that shares its memory.
void blank_argument_area(const char* title);

// Overwrites the calling process's environment with zeros and takes it out of environ, but for the variables that
// libraries look at later and that hold no secret (TZ, TERM, LANG …). What getenv(3) returned for the others is empty
// afterwards. Not while another thread reads the environment.
void forget_environment();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_ARGUMENT_AREA_H_
