// Which processor a new process begins on. Nothing here limits a process for longer than the call: the set of
// processors that it may use is what it was before.
#ifndef WRIT_BROKER_KERNEL_PROCESSOR_CHOICE_H_
#define WRIT_BROKER_KERNEL_PROCESSOR_CHOICE_H_

#include <sys/types.h>

namespace writ {

// Moves `child`, which has just been cloned and inherited our set of processors, to one that is not ours. Left to
// itself the kernel often queues it behind the caller, and two processes that could work side by side work one after
// the other while a processor idles. Best effort: with one processor, or where the kernel refuses, nothing happens.
void start_beside_caller(pid_t child);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_PROCESSOR_CHOICE_H_
