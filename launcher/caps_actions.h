// The subcommands of `writ caps`. Each opens the person's store, acts, prints, and returns the exit status.
#ifndef WRIT_LAUNCHER_CAPS_ACTIONS_H_
#define WRIT_LAUNCHER_CAPS_ACTIONS_H_

#include "launcher/caps_options.h"

namespace writ {

inline constexpr int kExitRefused = 1;  // the rules of capabilities refuse what was asked

[[nodiscard]] int run_caps_list(const CapsOptions& options);
[[nodiscard]] int run_caps_inspect(const CapsOptions& options);
[[nodiscard]] int run_caps_grant(const CapsOptions& options);
[[nodiscard]] int run_caps_delegate(const CapsOptions& options);
[[nodiscard]] int run_caps_revoke(const CapsOptions& options);
// Returns what `writ why` returns: kExitAllowed, kExitDenied or kExitAsked.
[[nodiscard]] int run_caps_explain(const CapsOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CAPS_ACTIONS_H_
