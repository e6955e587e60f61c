#include "broker/kernel/control_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "broker/base/escape.h"
#include "broker/kernel/control_group_backend.h"
#include "broker/kernel/control_group_keeper.h"
#include "broker/kernel/control_group_scope.h"

namespace writ {

bool GroupDirectory::controls(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

Status GroupDirectory::write(const char* file, std::string_view text) const {
  const UniqueFd opened(::openat(directory.get(), file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (opened.valid() && ::write(opened.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return fail_errno(errno, std::string("cannot write ").append(text).append(" to ").append(file) +
                               " of the control group " + quote_bytes(path));
}

std::string GroupDirectory::read(const char* file) const {
  std::array<char, 4096> text{};
  const UniqueFd opened(::openat(directory.get(), file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  const ssize_t got = opened.valid() ? ::read(opened.get(), text.data(), text.size()) : 0;
  return {text.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
}

std::optional<std::uint64_t> GroupDirectory::read_number(const char* file) const {
  const std::string text = read(file);
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> GroupDirectory::read_entry(const char* file, std::string_view key) const {
  const std::string text = read(file);
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ') {
      std::uint64_t number = 0;
      const auto [end, problem] = std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), number);
      if (problem == std::errc()) return number;
    }
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return std::nullopt;
}

bool GroupDirectory::has(const char* file) const { return ::faccessat(directory.get(), file, F_OK, 0) == 0; }

Status ControlGroupBackend::make() {
  for (GroupDirectory& group : directories) {
    if (::mkdirat(group.parent.get(), group.name.c_str(), 0755) != 0)
      return fail_errno(errno, "cannot make the control group " + quote_bytes(group.path));
    group.directory.reset(
        ::openat(group.parent.get(), group.name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!group.directory.valid()) return fail_errno(errno, "cannot open the control group " + quote_bytes(group.path));
  }
  return {};
}

Status ControlGroupBackend::add(pid_t process) const {
  for (const GroupDirectory& group : directories) WRIT_TRY(group.write("cgroup.procs", std::to_string(process)));
  return {};
}

// Any directory has all members: they were put into each, and nothing inside can leave one.
void ControlGroupBackend::kill_all() {
  if (!directories.empty()) (void)kill_control_group(directories.front().directory.get());
}

const GroupDirectory* ControlGroupBackend::directory_of(std::string_view controller) const {
  for (const GroupDirectory& group : directories)
    if (group.controls(controller)) return &group;
  return nullptr;
}

namespace {

Status open_parents(const ControlGroupPlace& place, ControlGroupBackend& backend, const std::string& name) {
  for (const ControlGroupParent& above : place.parents) {
    GroupDirectory group;
    group.parent.reset(::open(above.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!group.parent.valid()) return fail_errno(errno, "cannot open the control group " + quote_bytes(above.path));
    group.name = name;
    group.path = above.path + "/" + name;
    group.controllers = above.controllers;
    sweep_control_groups(group.parent.get());
    backend.directories.push_back(std::move(group));
  }
  return {};
}

std::vector<KeptGroup> kept_groups(const ControlGroupBackend& backend) {
  std::vector<KeptGroup> kept;
  for (const GroupDirectory& group : backend.directories) kept.push_back({group.parent.get(), group.name});
  return kept;
}

}  // namespace

ControlGroup::ControlGroup(std::unique_ptr<ControlGroupBackend> backend, std::unique_ptr<ControlGroupKeeper> keeper)
    : backend_(std::move(backend)), keeper_(std::move(keeper)) {}
ControlGroup::ControlGroup(ControlGroup&&) noexcept = default;
ControlGroup::~ControlGroup() { (void)remove(); }

// systemd removes it when it is empty, and it is when the sandbox has died with its broker.
Result<ControlGroup> ControlGroup::create_scope(const ControlGroupPlace& place, const std::string& name,
                                                const ControlGroupLimits& limits, pid_t member) {
  auto backend = make_unified_control_group(place);
  WRIT_ASSIGN(GroupDirectory directory, make_scope(place, name, member, limits));
  backend->directories.push_back(std::move(directory));
  ControlGroup group(std::move(backend), nullptr);
  WRIT_TRY(group.backend_->set_limits(limits));
  return group;
}

Result<ControlGroup> ControlGroup::create(const ControlGroupLimits& limits, pid_t member,
                                          const ControlGroupSources& sources) {
  ControlGroupNeeds needs = sources.also_needed;
  if (limits.memory) needs.emplace_back("memory");
  if (limits.cpus || limits.cpu_weight) needs.emplace_back("cpu");
  WRIT_ASSIGN(const ControlGroupPlace place, find_control_group_place(sources, needs));
  WRIT_ASSIGN(const std::string name, make_control_group_name());
  if (place.form == ControlGroupForm::kUserScope) return create_scope(place, name, limits, member);
  auto backend =
      place.form == ControlGroupForm::kSeparate ? make_separate_control_group() : make_unified_control_group(place);
  WRIT_TRY(open_parents(place, *backend, name));
  WRIT_ASSIGN(ControlGroupKeeper keeper, ControlGroupKeeper::start(kept_groups(*backend), backend->left()));
  ControlGroup group(std::move(backend), std::make_unique<ControlGroupKeeper>(std::move(keeper)));
  WRIT_TRY(group.backend_->prepare());
  WRIT_TRY(group.backend_->make());
  WRIT_TRY(group.backend_->set_limits(limits));
  WRIT_TRY(group.backend_->add(member));
  return group;
}

ControlGroupUse ControlGroup::use() const { return backend_ ? backend_->use() : ControlGroupUse{}; }
int ControlGroup::memory_descriptor() const { return backend_ ? backend_->memory_descriptor() : -1; }
void ControlGroup::kill_all() {
  if (backend_) backend_->kill_all();
}

bool ControlGroup::can_freeze() const { return backend_ && backend_->can_freeze(); }

Status ControlGroup::set_frozen(Frozen frozen) {
  if (!backend_) return fail("the control group is gone");
  return backend_->set_frozen(frozen);
}

Status ControlGroup::remove() {
  if (!backend_) return {};
  const auto backend = std::move(backend_);
  if (keeper_) keeper_->finish();
  keeper_.reset();
  Status result;
  for (const GroupDirectory& group : backend->directories) {
    const long removed = remove_control_group(group.parent.get(), group.name.c_str());
    if (removed < 0 && result)
      result = fail_errno(static_cast<int>(-removed), "cannot remove the control group " + quote_bytes(group.path));
  }
  backend->finish();
  return result;
}

bool ControlGroup::counts(std::string_view controller) const {
  return backend_ && std::any_of(backend_->directories.begin(), backend_->directories.end(),
                                 [&](const GroupDirectory& group) { return group.controls(controller); });
}

std::string ControlGroup::name() const { return backend_ ? backend_->name() : std::string(); }

const std::vector<std::string>& ControlGroup::not_held() const {
  static const std::vector<std::string> kNothing;
  return backend_ ? backend_->not_held : kNothing;
}

std::vector<std::string> ControlGroup::paths() const {
  std::vector<std::string> paths;
  if (backend_)
    for (const GroupDirectory& group : backend_->directories) paths.push_back(group.path);
  return paths;
}

}  // namespace writ
