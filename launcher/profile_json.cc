#include "launcher/profile_json.h"

#include <algorithm>
#include <string>
#include <vector>

#include "broker/base/escape.h"
#include "launcher/profile_outline.h"
#include "launcher/rule_json.h"

namespace writ {
namespace {

JsonArray escaped(const std::vector<std::string>& texts) {
  JsonArray list;
  for (const std::string& text : texts) list.add(escape_bytes(text));
  return list;
}

std::string_view word(Execution execution) { return execution == Execution::kAllowed ? "allowed" : "denied"; }

JsonArray grants_json(const Profile& profile) {
  JsonArray list;
  for (const PathGrant& grant : profile.filesystem.grants) {
    JsonObject object;
    object.set("path", escape_bytes(grant.path)).set("access", grant.access == PathAccess::kWrite ? "write" : "read");
    object.set("optional", grant.presence == Presence::kOptional).set("named_exactly", grant.named_exactly);
    set_origin(object, profile, grant.origin);
    list.add(std::move(object));
  }
  return list;
}

JsonObject filesystem_json(const Profile& profile, const OutlineContext& context) {
  const FilesystemPolicy& filesystem = profile.filesystem;
  std::vector<std::string> written;
  std::vector<std::string> secret;
  for (const std::string& hidden : filesystem.hide) {
    const bool in_table = std::find(context.secrets.begin(), context.secrets.end(), hidden) != context.secrets.end();
    (in_table ? secret : written).push_back(hidden);
  }
  JsonObject object;
  object.set("grants", grants_json(profile)).set("hide", escaped(written)).set("secrets", escaped(secret));
  object.set("protect", escaped(filesystem.protect)).set("report_changes", escaped(filesystem.report_changes));
  object.set("scratch_execution", word(filesystem.scratch_execution));
  object.set("writable_execution", word(filesystem.writable_execution));
  object.set("writing", filesystem.writing == Writing::kMediated ? "mediated" : "native");
  return object;
}

JsonObject environment_json(const EnvironmentPolicy& environment) {
  JsonObject set;
  for (const auto& [name, text] : environment.set) set.set(escape_bytes(name), escape_bytes(text));
  return JsonObject().set("pass", escaped(environment.pass)).set("set", std::move(set));
}

JsonObject process_json(const ProcessPolicy& process) {
  return JsonObject()
      .set("hostname", process.hostname)
      .set("unix_sockets", process.unix_sockets == UnixSockets::kAllowed ? "allowed" : "none")
      .set("netlink", process.netlink == NetlinkSockets::kRoute ? "route" : "none");
}

JsonObject isolation_json(const Profile& profile) {
  JsonObject object;
  for (const LayerName& layer : kLayerNames)
    object.set(layer.name, profile.requirement(layer.layer) == Requirement::kPrefer ? "prefer" : "require");
  return object;
}

template <class List, class ToJson>
JsonArray each(const Profile& profile, const List& list, ToJson to_json) {
  JsonArray array;
  for (const auto& element : list) array.add(to_json(profile, element));
  return array;
}

}  // namespace

JsonObject limits_json(const LimitPolicy& limits) {
  JsonObject object;
  if (limits.wall_time) object.set("wall_time_ms", limits.wall_time->count());
  if (limits.cpu_seconds) object.set("cpu_seconds", *limits.cpu_seconds);
  if (limits.address_space) object.set("address_space_bytes", *limits.address_space);
  if (limits.file_size) object.set("file_size_bytes", *limits.file_size);
  object.set("processes", limits.processes).set("open_files", limits.open_files);
  object.set("tmp_size_bytes", limits.tmp_size).set("shm_size_bytes", limits.shm_size);
  if (limits.memory) object.set("memory_bytes", *limits.memory).set("swap_bytes", limits.swap.value_or(0));
  if (limits.cpus) object.set("cpus", static_cast<double>(*limits.cpus) / 1000);
  if (limits.cpu_weight) object.set("cpu_weight", *limits.cpu_weight);
  if (limits.total_cpu_time) object.set("total_cpu_time_ms", limits.total_cpu_time->count());
  if (limits.output_size) object.set("output_size_bytes", *limits.output_size);
  if (limits.write_size) object.set("write_size_bytes", *limits.write_size);
  return object;
}

JsonValue profile_json(const ReadProfile& read, const ProfileContext& context) {
  const Profile& profile = read.profile;
  std::vector<std::string> layers;
  layers.reserve(read.layers.size());
  for (const ProfileSource& layer : read.layers) layers.push_back(layer.display_name);
  JsonObject object;
  object.set("schema", "writ.profile").set("schema_version", kProfileJsonVersion);
  object.set("name", profile.name).set("description", profile.description).set("layers", escaped(layers));
  object.set("filesystem", filesystem_json(profile, outline_context(context)));
  object.set("environment", environment_json(profile.environment)).set("process", process_json(profile.process));
  JsonObject limits = limits_json(profile.limits);
  limits.set("kill_grace_ms", profile.limits.kill_grace.count());
  object.set("limits", std::move(limits));
  object.set("syscalls", JsonObject()
                             .set("base", profile.syscalls.base == SyscallBase::kStrict ? "strict" : "standard")
                             .set("allow", escaped(profile.syscalls.allow))
                             .set("deny", escaped(profile.syscalls.deny)));
  object.set("isolation", isolation_json(profile));
  object.set("terminal", profile.terminal == TerminalMode::kAuto ? "auto" : "none");
  object.set("audit", kAuditSettingNames[static_cast<std::size_t>(profile.audit)]);
  object.set("network", profile.network == NetworkMode::kHost ? "host" : "none");
  object.set("rules", each(profile, profile.rules, rule_json));
  object.set("commands", each(profile, profile.commands, command_rule_json));
  object.set("tests", each(profile, profile.tests, case_json));
  return object;
}

}  // namespace writ
