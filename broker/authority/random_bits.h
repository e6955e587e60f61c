// Random ids: getrandom(2), asked for many at a time. A system call for each would be most of what a decision costs.
//
// Threads: any number. Fork: a child gets ids of its own (MADV_WIPEONFORK, Linux 4.14; without it each id is asked for
// by itself).
#ifndef WRIT_BROKER_AUTHORITY_RANDOM_BITS_H_
#define WRIT_BROKER_AUTHORITY_RANDOM_BITS_H_

#include "broker/capability/capability_id.h"

namespace writ {

// 128 bits that no other call returns. Without randomness there are no ids, and nothing could go on: it aborts then.
[[nodiscard]] RandomBits system_random_bits();

}  // namespace writ

#endif  // WRIT_BROKER_AUTHORITY_RANDOM_BITS_H_
