#include "launcher/profile_outline.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/policy/profile_values.h"
#include "broker/policy/secrets.h"
#include "launcher/outline_rules.h"
#include "launcher/yaml_text.h"

namespace writ {
namespace {

constexpr std::size_t kCommentColumn = 60;

class Outliner {
 public:
  Outliner(const Profile& profile, const OutlineContext& context) : profile_(profile), context_(context) {}

  std::vector<OutlineEntry> outline() {
    value("", "version", "1");
    value("", "name", profile_.name);
    value("", "description", yaml_text(profile_.description));
    add_filesystem();
    add_environment();
    add_process();
    add_limits();
    add_syscalls();
    for (const LayerName& layer : kLayerNames)
      value("isolation", layer.name, profile_.requirement(layer.layer) == Requirement::kPrefer ? "prefer" : "require");
    value("", "terminal", profile_.terminal == TerminalMode::kAuto ? "auto" : "none");
    value("", "audit", std::string(kAuditSettingNames[static_cast<std::size_t>(profile_.audit)]));
    value("", "network", profile_.network == NetworkMode::kHost ? "host" : "none");
    outline_rules(profile_, entries_);
    return std::move(entries_);
  }

 private:
  void value(std::string_view section, std::string_view key, std::string text) {
    entries_.push_back({std::string(section), std::string(key), std::move(text), "", {}});
  }

  void item(std::string_view section, std::string_view subject, std::string text, RuleOrigin origin = {}) {
    entries_.push_back({std::string(section), "", std::move(text), std::string(subject), origin});
  }

  void list(std::string_view section, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) item(section, text, yaml_text(text));
  }

  // A grant that was made through ${workspace} must stay one: a literal path would name it exactly, and secrets with
  // it.
  std::string grant_path(const PathGrant& grant) const {
    const std::string& workspace = context_.workspace;
    const std::size_t found = grant.named_exactly ? std::string::npos : grant.path.find(workspace);
    if (found == std::string::npos) return yaml_literal(grant.path);
    std::string text;
    for (const char c : grant.path.substr(0, found)) text.append(c == '$' ? 2 : 1, c);
    text += "${workspace}";
    for (const char c : grant.path.substr(found + workspace.size())) text.append(c == '$' ? 2 : 1, c);
    return yaml_text(text);
  }

  void add_grants(std::string_view section, PathAccess access) {
    for (const PathGrant& grant : profile_.filesystem.grants) {
      if (grant.access != access) continue;
      const std::string path = grant_path(grant);
      const bool optional = grant.presence == Presence::kOptional;
      item(section, grant.path, optional ? "{path: " + path + ", optional: true}" : path, grant.origin);
    }
  }

  void add_filesystem() {
    const FilesystemPolicy& filesystem = profile_.filesystem;
    add_grants("filesystem.read", PathAccess::kRead);
    add_grants("filesystem.write", PathAccess::kWrite);
    for (const std::string& hidden : filesystem.hide)
      if (std::find(context_.secrets.begin(), context_.secrets.end(), hidden) == context_.secrets.end())
        item("filesystem.hide", hidden, yaml_literal(hidden));
    list("filesystem.protect", filesystem.protect);
    list("filesystem.report_changes", filesystem.report_changes);
    value("filesystem", "scratch_execution", execution_word(filesystem.scratch_execution));
    value("filesystem", "writable_execution", execution_word(filesystem.writable_execution));
    value("filesystem", "writing", filesystem.writing == Writing::kMediated ? "mediated" : "native");
  }

  static std::string execution_word(Execution execution) {
    return execution == Execution::kAllowed ? "allowed" : "denied";
  }

  void add_environment() {
    list("environment.pass", profile_.environment.pass);
    for (const auto& [name, text] : profile_.environment.set) value("environment.set", name, yaml_literal(text));
  }

  void add_process() {
    const ProcessPolicy& process = profile_.process;
    value("process", "hostname", yaml_text(process.hostname));
    value("process", "unix_sockets", process.unix_sockets == UnixSockets::kAllowed ? "allowed" : "none");
    value("process", "netlink", process.netlink == NetlinkSockets::kRoute ? "route" : "none");
  }

  void add_limits() {
    using std::chrono::milliseconds;
    const LimitPolicy& limits = profile_.limits;
    const auto size_or_none = [](const std::optional<std::uint64_t>& size) { return size ? yaml_size(*size) : "none"; };
    value("limits", "wall_time", limits.wall_time ? yaml_duration(*limits.wall_time) : "none");
    value("limits", "kill_grace", yaml_duration(limits.kill_grace));
    const std::optional<std::uint64_t>& cpu = limits.cpu_seconds;
    value("limits", "cpu_time", cpu ? yaml_duration(milliseconds(static_cast<std::int64_t>(*cpu) * 1000)) : "none");
    value("limits", "address_space", size_or_none(limits.address_space));
    value("limits", "file_size", size_or_none(limits.file_size));
    value("limits", "tmp_size", yaml_size(limits.tmp_size));
    value("limits", "shm_size", yaml_size(limits.shm_size));
    value("limits", "processes", std::to_string(limits.processes));
    value("limits", "open_files", std::to_string(limits.open_files));
    value("limits", "memory", size_or_none(limits.memory));
    value("limits", "swap", limits.memory && !limits.swap ? "0" : size_or_none(limits.swap));
    value("limits", "cpus", limits.cpus ? yaml_thousandths(*limits.cpus) : "none");
    value("limits", "cpu_weight", limits.cpu_weight ? std::to_string(*limits.cpu_weight) : "none");
    value("limits", "total_cpu_time", limits.total_cpu_time ? yaml_duration(*limits.total_cpu_time) : "none");
    value("limits", "output_size", size_or_none(limits.output_size));
    value("limits", "write_size", size_or_none(limits.write_size));
  }

  void add_syscalls() {
    value("syscalls", "base", profile_.syscalls.base == SyscallBase::kStrict ? "strict" : "standard");
    list("syscalls.allow", profile_.syscalls.allow);
    list("syscalls.deny", profile_.syscalls.deny);
  }

  const Profile& profile_;
  const OutlineContext& context_;
  std::vector<OutlineEntry> entries_;
};

std::size_t depth_of(std::string_view section) {
  return section.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(section.begin(), section.end(), '.'));
}

}  // namespace

OutlineContext outline_context(const ProfileContext& context) {
  const auto value = [&](std::string_view name) {
    const auto found = context.variables.find(name);
    return found == context.variables.end() ? std::string() : found->second;
  };
  const Result<std::uint64_t> uid = parse_count(value("uid"));
  return {value("workspace"), secret_paths(value("home"), static_cast<std::uint32_t>(uid ? *uid : 0))};
}

std::vector<OutlineEntry> outline_profile(const Profile& profile, const OutlineContext& context) {
  return Outliner(profile, context).outline();
}

// Writes the headings of `section` that are not open yet.
void OutlineWriter::open_section(const std::string& section) {
  if (section == section_) return;
  const std::string top = section.substr(0, section.find('.'));
  const bool same_top = !top.empty() && section_.substr(0, section_.find('.')) == top;
  if (!same_top && !text_.empty()) text_ += "\n";
  if (!same_top && !top.empty()) text_.append(top).append(":\n");
  if (const std::size_t dot = section.find('.'); dot != std::string::npos)
    text_.append("  ").append(section.substr(dot + 1)).append(":\n");
  section_ = section;
}

void OutlineWriter::add(const OutlineEntry& entry, std::string_view comment) {
  open_section(entry.section);
  std::string line(2 * depth_of(entry.section), ' ');
  line.append(entry.key.empty() ? "- " : entry.key + ": ").append(entry.value);
  if (!comment.empty()) {
    line.append(std::max<std::size_t>(line.size() + 2, kCommentColumn) - line.size(), ' ');
    line.append("# ").append(comment);
  }
  text_.append(line).append("\n");
}

}  // namespace writ
