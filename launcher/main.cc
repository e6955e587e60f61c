// The `writ` command.

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "broker/sandbox/broker_start.h"
#include "broker/sandbox/launch.h"
#include "launcher/audit_command.h"
#include "launcher/broker_command.h"
#include "launcher/caps_command.h"
#include "launcher/ceiling_file.h"
#include "launcher/ci_command.h"
#include "launcher/command_line.h"
#include "launcher/learn_command.h"
#include "launcher/run_command.h"
#include "launcher/run_remote.h"
#include "launcher/run_streams.h"
#include "launcher/tool_command.h"

namespace {

int dispatch(writ::Command command, std::optional<writ::BrokerStart> broker, const writ::CeilingFile& ceiling) {
  if (const auto* done = std::get_if<writ::CommandLineDone>(&command)) return done->exit_status;
  if (const auto* profile = std::get_if<writ::ProfileOptions>(&command)) return writ::run_profile_command(*profile);
  if (const auto* why = std::get_if<writ::WhyOptions>(&command)) return writ::run_why_command(*why, ceiling);
  if (const auto* caps = std::get_if<writ::CapsOptions>(&command)) return writ::run_caps_command(*caps);
  if (const auto* audit = std::get_if<writ::AuditOptions>(&command)) return writ::run_audit_command(*audit);
  if (const auto* approvals = std::get_if<writ::ApprovalsOptions>(&command))
    return writ::run_approvals_command(*approvals);
  if (const auto* tool = std::get_if<writ::ToolOptions>(&command)) return writ::run_tool_command(*tool, ceiling);
  if (const auto* doctor = std::get_if<writ::DoctorOptions>(&command)) return writ::run_doctor_command(*doctor);
  if (const auto* step = std::get_if<writ::CiOptions>(&command)) return writ::run_ci_command(*step);
  if (const auto* daemon = std::get_if<writ::BrokerOptions>(&command))
    return writ::run_broker_command(*daemon, ceiling);
  if (const auto* sandboxes = std::get_if<writ::SandboxesOptions>(&command)) return sandboxes->run(*sandboxes);
  const auto* run = std::get_if<writ::RunOptions>(&command);
  if (run != nullptr && run->via != writ::RunVia::kOwn) return writ::run_through_broker(*run);
  if (!broker) broker.emplace(writ::start_broker(writ::NetworkStart::kOwn));
  if (const auto* learn = std::get_if<writ::LearnOptions>(&command))
    return writ::run_learn_command(*learn, std::move(*broker), ceiling);
  return writ::run_run_command(*run, std::move(*broker), ceiling);
}

// Destructors of static objects have nothing to do that matters, and whoever waits for Writ would wait for them.
[[noreturn]] void leave(int status) {
  std::cout.flush();
  std::cerr.flush();
#ifdef __SANITIZE_ADDRESS__
  std::exit(status);  // looks for leaks
#else
  ::_exit(status);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  if (const writ::Status filled = writ::fill_closed_standard_streams(); !filled) {
    std::cerr << "writ: " << filled.error().describe() << '\n';
    return writ::kExitWritFailed;
  }
  // Who owns the ceiling can only be seen outside of the broker's user namespace.
  const writ::CeilingFile ceiling = writ::read_ceiling_file();
  // While this process is small and knows nothing, the sandbox's init is started. It makes its namespaces while the
  // command line and the profile are read.
  std::optional<writ::BrokerStart> broker;
  if (writ::is_launch_command(argc, argv)) broker.emplace(writ::start_broker(writ::NetworkStart::kOwn));
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  leave(dispatch(writ::parse_command_line(arguments), std::move(broker), ceiling));
}
