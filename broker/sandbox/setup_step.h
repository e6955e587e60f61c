// The ordered steps between clone and exec, named once: init and tool report the step that failed, people read its name
// and the likely fix. Pure data.
#ifndef WRIT_BROKER_SANDBOX_SETUP_STEP_H_
#define WRIT_BROKER_SANDBOX_SETUP_STEP_H_

#include <cstdint>
#include <string_view>

namespace writ {

// In the order in which they happen. Why this order: docs/architecture.md, "From clone to exec".
enum class SetupStep : std::uint32_t {
  kNone,
  // in init
  kDieWithBroker,
  kUserNamespace,
  kPidNamespace,
  kMountNamespace,
  kIpcNamespace,
  kUtsNamespace,
  kCgroupNamespace,
  kNetworkNamespace,
  kLoopback,
  kPrivateProc,
  kReceivePlan,
  kIdentity,
  kHostName,
  kAssembleView,
  kPivotRoot,
  kAttachProc,
  kShareView,
  kStartTool,
  // in the tool
  kLockView,
  kSession,
  kWorkingDirectory,
  kToolIdentity,
  kCapabilities,
  kNoNewPrivileges,
  kReceiveOrder,
  kDescriptors,
  kLimits,
  kLandlock,
  kListener,
  kHandOver,
  kSeccomp,
  kExec,
  kCount,
};

struct SetupStepText {
  SetupStep step;
  std::string_view action;  // "cannot <action>"
  std::string_view hint;    // likely fix, may be empty
};

// Returns the texts of `step`; every enumerator has a row (a unit test holds this).
[[nodiscard]] const SetupStepText& setup_step_text(SetupStep step);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SETUP_STEP_H_
