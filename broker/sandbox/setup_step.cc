#include "broker/sandbox/setup_step.h"

#include <array>
#include <cstddef>

namespace writ {
namespace {

constexpr std::string_view kUserNamespaceHint =
    "user namespaces are closed on this host; `writ doctor` says which setting does it";
constexpr std::string_view kNamespaceHint = "a container or hardened host may forbid it; see `writ doctor`";

constexpr std::array<SetupStepText, static_cast<std::size_t>(SetupStep::kCount)> kTexts = {{
    {SetupStep::kNone, "do nothing", ""},
    {SetupStep::kDieWithBroker, "tie the sandbox's life to Writ's", ""},
    {SetupStep::kUserNamespace, "make the sandbox's user namespace", kUserNamespaceHint},
    {SetupStep::kPidNamespace, "make the sandbox's pid namespace", kNamespaceHint},
    {SetupStep::kMountNamespace, "make the sandbox's mount namespace", kNamespaceHint},
    {SetupStep::kIpcNamespace, "make the sandbox's IPC namespace", kNamespaceHint},
    {SetupStep::kUtsNamespace, "make the sandbox's UTS namespace", kNamespaceHint},
    {SetupStep::kCgroupNamespace, "make the sandbox's cgroup namespace", kNamespaceHint},
    {SetupStep::kNetworkNamespace, "make the sandbox's network namespace", kNamespaceHint},
    {SetupStep::kLoopback, "bring up loopback in the sandbox's network", ""},
    {SetupStep::kPrivateProc, "make the sandbox's own /proc",
     "in containers /proc is often masked, which forbids a new one; see `writ doctor`"},
    {SetupStep::kReceivePlan, "receive the launch plan", ""},
    {SetupStep::kIdentity, "take the sandbox's identity", ""},
    {SetupStep::kHostName, "set the sandbox's host name", ""},
    {SetupStep::kAssembleView, "assemble the view", ""},
    {SetupStep::kPivotRoot, "enter the view", "the root file system of this host may be an initramfs (pivot_root(2))"},
    {SetupStep::kAttachProc, "attach the sandbox's own /proc to the view", kNamespaceHint},
    {SetupStep::kShareView, "prepare the view for grants during the run", ""},
    {SetupStep::kStartTool, "start the tool's process", "the limit of processes may be reached"},
    {SetupStep::kLockView, "lock the view's mounts", "user.max_user_namespaces may be too small"},
    {SetupStep::kSession, "make the tool's session", ""},
    {SetupStep::kWorkingDirectory, "enter the working directory",
     "it must lie in a granted tree; add --read or --write for it"},
    {SetupStep::kToolIdentity, "take the tool's identity", ""},
    {SetupStep::kCapabilities, "drop every Linux capability", ""},
    {SetupStep::kNoNewPrivileges, "set no_new_privs", ""},
    {SetupStep::kReceiveOrder, "receive what shall be executed", ""},
    {SetupStep::kDescriptors, "arrange the granted descriptors", ""},
    {SetupStep::kLimits, "set the resource limits", ""},
    {SetupStep::kLandlock, "put the Landlock floor in force", "see `writ doctor`"},
    {SetupStep::kListener, "install the filter whose calls wait for Writ",
     "rules about commands and mediated writing need Linux 5.19 (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV); without "
     "them: "
     "a profile with 'writing: native'"},
    {SetupStep::kHandOver, "hand the listener of that filter to Writ", ""},
    {SetupStep::kSeccomp, "install the system call filter", "the kernel may lack CONFIG_SECCOMP_FILTER"},
    {SetupStep::kExec, "execute the program", ""},
}};

}  // namespace

const SetupStepText& setup_step_text(SetupStep step) {
  const auto index = static_cast<std::size_t>(step);
  return kTexts[index < kTexts.size() ? index : 0];
}

}  // namespace writ
