// What init may still call once its tool runs and no trees can arrive: it reaps, passes signals on, pauses and reports.
#ifndef WRIT_BROKER_SANDBOX_INIT_FILTER_H_
#define WRIT_BROKER_SANDBOX_INIT_FILTER_H_

#include <span>

namespace writ {

// Installs the filter on the calling process, for good. Prepared data and one raw system call; no_new_privs must be
// set. Everything else is EPERM; another architecture, and x32, end the process and with it the sandbox. Returns 0 or
// -errno.
[[nodiscard]] long narrow_init_to_supervising();

// The numbers that stay, for tests.
[[nodiscard]] std::span<const long> supervising_calls();

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_INIT_FILTER_H_
