#include "launcher/run_report.h"

#include <string_view>

#include "broker/base/escape.h"
#include "launcher/approval_report.h"
#include "launcher/command_report.h"
#include "launcher/denial_report.h"
#include "launcher/profile_json.h"
#include "launcher/run_confinement.h"

namespace writ {
namespace {

std::string_view state_name(LayerState state) {
  constexpr std::array<std::string_view, 3> kNames = {"active", "degraded", "not_wanted"};
  return kNames[static_cast<std::size_t>(state)];
}

JsonArray escaped_list(const std::vector<std::string>& texts) {
  JsonArray list;
  for (const std::string& text : texts) list.add(escape_bytes(text));
  return list;
}

JsonArray layers_json(const LayerStatuses& layers) {
  JsonArray list;
  for (const LayerName& entry : kLayerNames) {
    const LayerStatus& status = layers[static_cast<std::size_t>(entry.layer)];
    JsonObject layer;
    layer.set("layer", entry.name).set("state", state_name(status.state));
    if (!status.reason.empty()) layer.set("reason", status.reason);
    list.add(std::move(layer));
  }
  return list;
}

JsonArray grants_json(const View& view) {
  JsonArray list;
  for (const ViewEntry& entry : view.entries)
    list.add(JsonObject().set("path", escape_bytes(entry.path)).set("kind", entry.kind));
  return list;
}

// Names only: a value may be a secret.
JsonArray environment_json(const std::vector<std::string>& environment) {
  JsonArray names;
  for (const std::string& variable : environment) names.add(escape_bytes(variable.substr(0, variable.find('='))));
  return names;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

JsonObject outcome_json(const RunOutcome& outcome) {
  JsonObject object;
  object.set("kind", outcome_name(outcome.kind)).set("exit_status", outcome.exit_status);
  if (outcome.signal != 0) object.set("signal", outcome.signal);
  object.set("reason", outcome.reason);
  return object;
}

JsonObject usage_json(const RunOutcome& outcome) {
  return JsonObject()
      .set("wall_seconds", static_cast<double>(outcome.wall_time.count()) / 1e6)
      .set("user_seconds", seconds(outcome.usage.ru_utime))
      .set("system_seconds", seconds(outcome.usage.ru_stime))
      .set("peak_memory_kib", static_cast<std::int64_t>(outcome.usage.ru_maxrss));
}

JsonArray limit_use_json(const RunLimits& limits) {
  JsonArray list;
  for (const LimitRecord& record : limits.records()) {
    JsonObject object;
    object.set("name", record.name).set("value", limit_value_text(record.unit, record.value));
    if (record.peak) object.set("peak", limit_value_text(record.unit, *record.peak)).set("peak_number", *record.peak);
    object.set("hit", record.hit).set("enforced", record.enforced);
    if (!record.detail.empty()) object.set("detail", record.detail);
    list.add(std::move(object));
  }
  return list;
}

JsonArray persistence_json(const GuardReport& guard) {
  JsonArray list;
  for (const GuardFinding& finding : guard.findings) {
    JsonObject object;
    object.set("path", escape_bytes(finding.path)).set("what", finding_kind_name(finding.kind));
    object.set("action", finding_action_name(finding.action)).set("times", finding.times);
    if (!finding.kept_at.empty()) object.set("kept_at", escape_bytes(finding.kept_at));
    list.add(std::move(object));
  }
  return list;
}

JsonArray attenuations_json(const std::vector<Attenuation>& attenuations) {
  JsonArray list;
  for (const Attenuation& attenuation : attenuations)
    list.add(
        JsonObject().set("subject", escape_bytes(attenuation.subject)).set("reason", escape_bytes(attenuation.reason)));
  return list;
}

JsonObject mediated_calls_json(const NotificationCounts& counts) {
  return JsonObject()
      .set("received", counts.received)
      .set("answered", counts.answered)
      .set("callers_gone", counts.callers_gone)
      .set("unhandled", counts.unhandled);
}

void add_setup(JsonObject& report, const RunSetup& setup) {
  const IdentityMap& map = setup.identity.map;
  report.set("profile", setup.profile.name).set("workspace", escape_bytes(setup.workspace));
  report.set("identity", JsonObject()
                             .set("inside_uid", map.inside_uid)
                             .set("outside_uid", map.outside_uid)
                             .set("inside_gid", map.inside_gid)
                             .set("outside_gid", map.outside_gid));
  report.set("network", setup.profile.network == NetworkMode::kHost ? "host" : "none");
  report.set("environment", environment_json(setup.environment));
  report.set("limits", limits_json(setup.profile.limits));
  if (setup.bounds.empty()) return;
  JsonArray names;
  for (const Bound& bound : setup.bounds) names.add(bound.name);
  report.set("bounds", std::move(names));
  report.set("attenuations", attenuations_json(setup.attenuations));
}

std::string_view floor_name(const PreparedLaunch& prepared) {
  if (prepared.layers[static_cast<std::size_t>(Layer::kLandlock)].state != LayerState::kActive) return "none";
  switch (prepared.floor) {
    case LandlockCoverage::kWrites:
      return "writes";
    case LandlockCoverage::kWritesAndTruncation:
      return "writes_and_truncation";
    case LandlockCoverage::kEverything:
      return "everything";
  }
  return "none";
}

std::string bounds_text(const RunSetup& setup) {
  std::string text;
  for (const Bound& bound : setup.bounds) text.append("\nbounded by: ").append(bound.name);
  return text;
}

std::string layer_text(const PreparedLaunch& prepared) {
  std::string text;
  for (const LayerName& entry : kLayerNames) {
    const LayerStatus& status = prepared.layers[static_cast<std::size_t>(entry.layer)];
    text.append("  ").append(entry.name).append(": ").append(state_name(status.state));
    if (!status.reason.empty()) text.append(" (").append(status.reason).append(")");
    text.append("\n");
  }
  return text;
}

JsonObject audit_json(const AuditReport& audit) {
  constexpr std::array<std::string_view, 4> kStates = {"off", "none", "complete", "incomplete"};
  JsonObject object;
  object.set("state", kStates[static_cast<std::size_t>(audit.state)]);
  if (!audit.path.empty()) object.set("log", escape_bytes(audit.path));
  if (!audit.reason.empty()) object.set("reason", audit.reason);
  if (audit.run.empty()) return object;
  object.set("run", audit.run).set("records", audit.records).set("lost", audit.lost);
  return object.set("not_recorded", audit.not_recorded);
}

JsonArray network_denials_json(const NetworkDenials& denials) {
  JsonArray list;
  for (const NetworkDenial& denial : denials.list()) {
    JsonObject entry;
    entry.set("call", std::string(denial.call)).set("address", denial.address).set("because", denial.because);
    entry.set("times", denial.times);
    list.add(std::move(entry));
  }
  return list;
}

// The first few: a tool that tries every address must not fill the person's screen. The report has more.
void add_network_denials(const RunFacts& facts, std::vector<std::string>& lines) {
  constexpr std::size_t kShown = 10;
  if (facts.network_denials == nullptr) return;
  const auto& list = facts.network_denials->list();
  for (std::size_t i = 0; i < list.size() && i < kShown; ++i) lines.push_back(escape_bytes(list[i].describe()));
  if (list.size() > kShown)
    lines.push_back("denied: " + std::to_string(list.size() - kShown) + " more addresses; --report lists them");
}

void add_sandbox(JsonObject& report, const RunFacts& facts) {
  report.set("program", escape_bytes(facts.prepared->program.path));
  report.set("layers", layers_json(facts.prepared->layers));
  report.set("landlock_abi", facts.landlock_abi);
  report.set("landlock_floor", std::string(floor_name(*facts.prepared)));
  report.set("seccomp_instructions", facts.prepared->content.filter.size());
  report.set("grants", grants_json(facts.prepared->view));
}

}  // namespace

JsonArray revoked_json(const std::vector<RevokedTree>& trees) {
  JsonArray array;
  for (const RevokedTree& tree : trees) array.add(revocation_json(tree));
  return array;
}

JsonValue run_report_json(const RunFacts& facts) {
  JsonObject report;
  report.set("schema", "writ.run").set("schema_version", kRunReportSchemaVersion).set("writ_version", WRIT_VERSION);
  report.set("command", escaped_list(facts.options->command));
  if (facts.setup != nullptr) add_setup(report, *facts.setup);
  if (facts.prepared != nullptr) add_sandbox(report, facts);
  if (facts.confinement != nullptr) report.set("broker", confinement_json(*facts.confinement));
  report.set("warnings", escaped_list(run_warnings(facts)));
  if (facts.guard != nullptr) {
    report.set("persistence", persistence_json(*facts.guard));
    report.set("persistence_not_listed", facts.guard->findings_not_listed);
    report.set("persistence_events_lost", facts.guard->queue_overflows);
  }
  if (facts.denials != nullptr) {
    report.set("denials", denials_json(*facts.denials));
    report.set("denials_not_listed", facts.denials->not_listed());
  }
  if (facts.approvals != nullptr) report.set("approvals", approvals_json(*facts.approvals));
  if (facts.revoked != nullptr && !facts.revoked->empty()) report.set("revoked", revoked_json(*facts.revoked));
  if (facts.mediated_calls != nullptr) report.set("mediated_calls", mediated_calls_json(*facts.mediated_calls));
  if (facts.commands != nullptr) {
    report.set("commands", commands_json(*facts.commands, facts.setup->profile.sources));
    report.set("commands_not_listed", facts.commands->records_not_listed());
  }
  if (facts.network_denials != nullptr) {
    report.set("network_denials", network_denials_json(*facts.network_denials));
    report.set("network_denials_not_listed", facts.network_denials->not_listed());
  }
  if (facts.limits != nullptr && !facts.limits->records().empty())
    report.set("limit_use", limit_use_json(*facts.limits));
  if (facts.outcome != nullptr) report.set("audit", audit_json(facts.audit));
  report.set("terminal_sequences_dropped", facts.dropped_sequences);
  if (facts.outcome != nullptr) {
    report.set("outcome", outcome_json(*facts.outcome));
    if (facts.outcome->kind != OutcomeKind::kNotStarted) report.set("usage", usage_json(*facts.outcome));
  }
  return report;
}

std::string run_plan_text(const RunFacts& facts) {
  const RunSetup& setup = *facts.setup;
  const IdentityMap& map = setup.identity.map;
  std::string text =
      "profile: " + setup.profile.name + "\nprogram: " + escape_bytes(facts.prepared->program.path) +
      "\nidentity: uid " + std::to_string(map.inside_uid) + " inside, uid " + std::to_string(map.outside_uid) +
      " on the host\nnetwork: " + (setup.profile.network == NetworkMode::kHost ? "host" : "none, loopback only") +
      bounds_text(setup) + "\nlayers:\n" + layer_text(*facts.prepared) + "file system:\n";
  for (const ViewEntry& entry : facts.prepared->view.entries)
    text.append("  ")
        .append(entry.kind)
        .append(12 - std::min<std::size_t>(11, entry.kind.size()), ' ')
        .append(escape_bytes(entry.path))
        .append("\n");
  text.append("environment:");
  for (const std::string& variable : setup.environment)
    text.append(" ").append(escape_bytes(variable.substr(0, variable.find('='))));
  text.append("\nsystem calls: ")
      .append(std::to_string(facts.prepared->content.filter.size()))
      .append(" filter instructions\n");
  for (const std::string& warning : run_warnings(facts)) text.append("warning: ").append(warning).append("\n");
  return text;
}

std::vector<std::string> run_warnings(const RunFacts& facts) {
  std::vector<std::string> lines;
  if (facts.setup != nullptr) {
    for (const Attenuation& attenuation : facts.setup->attenuations)
      lines.push_back(escape_bytes(attenuation.subject + ": " + attenuation.reason));
    for (const std::string& warning : facts.setup->warnings) lines.push_back(escape_bytes(warning));
  }
  if (facts.prepared != nullptr) {
    for (const LayerName& entry : kLayerNames) {
      const LayerStatus& status = facts.prepared->layers[static_cast<std::size_t>(entry.layer)];
      if (status.state == LayerState::kDegraded)
        lines.push_back("running without the layer " + std::string(entry.name) + " (" + std::string(entry.purpose) +
                        "): " + status.reason);
    }
    lines.insert(lines.end(), facts.prepared->view.warnings.begin(), facts.prepared->view.warnings.end());
  }
  if (facts.guard != nullptr) {
    for (const GuardFinding& finding : facts.guard->findings) lines.push_back(finding.describe());
    lines.insert(lines.end(), facts.guard->warnings.begin(), facts.guard->warnings.end());
  }
  add_network_denials(facts, lines);
  if (facts.limits != nullptr)
    for (const std::string& warning : facts.limits->warnings()) lines.push_back(warning);
  const bool has_terminal = facts.prepared != nullptr && facts.prepared->content.terminal_number >= 0;
  if (has_terminal && facts.setup != nullptr && facts.setup->profile.limits.output_size)
    lines.emplace_back("the limit output_size does not hold for what goes through the terminal");
  return lines;
}

}  // namespace writ
