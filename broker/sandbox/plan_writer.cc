#include "broker/sandbox/plan_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "broker/kernel/kernel_abi.h"
#include "broker/sandbox/template_plan.h"
#include "broker/sandbox/view_areas.h"

namespace writ {
namespace {

class PlanBuffer {
 public:
  explicit PlanBuffer(std::size_t head_size) : bytes_(head_size) {}

  PlanRange append_text(const std::string& text) {
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    bytes_.push_back('\0');
    return {offset, static_cast<std::uint32_t>(text.size())};
  }

  // Texts first, then the 0-terminated vector of their offsets, aligned as the pointers that they become.
  PlanRange append_vector(const std::vector<std::string>& texts) {
    std::vector<std::uint64_t> offsets;
    offsets.reserve(texts.size() + 1);
    for (const std::string& text : texts) offsets.push_back(append_text(text).offset);
    offsets.push_back(0);
    PlanRange range = append_array(offsets.data(), offsets.size());
    --range.length;
    return range;
  }

  template <class T>
  PlanRange append_array(const T* items, std::size_t count) {
    bytes_.resize((bytes_.size() + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) *
                  alignof(std::max_align_t));
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    const auto* raw = reinterpret_cast<const char*>(items);
    bytes_.insert(bytes_.end(), raw, raw + count * sizeof(T));
    return {offset, static_cast<std::uint32_t>(count)};
  }

  template <class T>
  std::vector<char>& finish(T plan) {
    head_of(plan).size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &plan, sizeof plan);
    return bytes_;
  }

 private:
  template <class T>
  static PlanHead& head_of(T& plan) {
    return plan.head;
  }
  static PlanHead& head_of(TemplatePlan& plan) { return plan.child.head; }

  std::vector<char> bytes_;
};

Result<UniqueFd> seal(const std::vector<char>& bytes) {
  int fd = ::memfd_create("writ-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING | abi::kMfdNoexecSeal);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("writ-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING);  // before 6.3
  UniqueFd memory(fd);
  if (!memory.valid()) return fail_errno(errno, "cannot make the memory file of the launch plan");
  if (::write(memory.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return fail_errno(errno, "cannot write the launch plan");
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return fail_errno(errno, "cannot seal the launch plan");
  return memory;
}

// Adds `fd` to the message; -1 stays "none".
std::int32_t add_descriptor(WrittenPlan& written, int fd) {
  if (fd < 0) return kNoDescriptor;
  written.descriptors.push_back(fd);
  return static_cast<std::int32_t>(written.descriptors.size());  // index 0 is the plan itself
}

Status add_grants(ToolOrder& plan, WrittenPlan& written, std::vector<GrantedDescriptor> grants) {
  if (grants.size() > plan.descriptors.size()) return fail("too many descriptors granted to one tool");
  std::sort(grants.begin(), grants.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  for (const GrantedDescriptor& grant : grants) {
    if (plan.descriptor_count > 0 && plan.descriptors[plan.descriptor_count - 1].number == grant.number)
      return fail("descriptor " + std::to_string(grant.number) + " is granted twice");
    plan.descriptors[plan.descriptor_count++] = {grant.number, add_descriptor(written, grant.source)};
  }
  return {};
}

// The granted descriptor that becomes the controlling terminal, or -1.
int terminal_of(const PlanContent& content) {
  for (const GrantedDescriptor& grant : content.descriptors)
    if (grant.number == content.terminal_number) return grant.source;
  return -1;
}

Status add_limits(ChildPlan& plan, const std::vector<ProcessLimit>& limits) {
  if (limits.size() > plan.limits.size()) return fail("too many resource limits for one tool");
  for (const ProcessLimit& limit : limits) plan.limits[plan.limit_count++] = limit;
  return {};
}

Status check_filter(const PlanContent& content) {
  const bool filtered = (content.layers & layer_bit(Layer::kSeccomp)) != 0;
  if (filtered && (content.filter.empty() || content.filter.size() > kBpfInstructionLimit))
    return fail("the system call filter has no possible length");
  return {};
}

Result<ChildPlan> fill_plan(const PlanContent& content, PlanBuffer& buffer, WrittenPlan& written) {
  ChildPlan plan{};
  plan.head.magic = kChildPlanMagic;
  plan.layers = content.layers;
  plan.required_layers = content.required_layers;
  plan.identity = content.identity;
  plan.tool_uid = content.tool_uid;
  plan.tool_gid = content.tool_gid;
  plan.host_name = buffer.append_text(content.host_name);
  plan.working_directory = buffer.append_text(content.working_directory);
  plan.view_index = add_descriptor(written, content.view_root);
  plan.landlock_index = add_descriptor(written, content.landlock_ruleset);
  plan.late_grants = content.late_grants;
  plan.terminal_index = add_descriptor(written, terminal_of(content));
  plan.terminal = plan.terminal_index >= 0 ? TerminalRole::kControlling : TerminalRole::kNone;
  WRIT_TRY(add_limits(plan, content.limits));
  if (content.filter_place == FilterPlace::kPlan) {
    WRIT_TRY(check_filter(content));
    plan.filter = buffer.append_array(content.filter.data(), content.filter.size());
  }
  return plan;
}

Status add_areas(TemplatePlan& plan, const View& view, const FilesystemPolicy& filesystem, PlanBuffer& buffer) {
  if (view.areas.size() > plan.areas.size()) return fail("too many private directories for one template");
  if (view.area_entries.size() > plan.entries.size())
    return fail("too many grants lie in private directories: " + std::to_string(view.area_entries.size()),
                "such a sandbox cannot be made from a template");
  for (const LeftOutArea& area : view.areas) {
    PlanArea& planned = plan.areas[plan.area_count++];
    planned.path = buffer.append_text(area.path);
    planned.mode = area.mode;
    planned.file_system = area.shared_memory ? AreaFileSystem::kSharedMemory : AreaFileSystem::kScratch;
    const bool executable = filesystem.scratch_execution != Execution::kDenied && !area.shared_memory;
    planned.execution = executable ? AreaExecution::kAllowed : AreaExecution::kDenied;
  }
  for (const AreaEntry& entry : view.area_entries) {
    PlanAreaEntry& planned = plan.entries[plan.entry_count++];
    planned.path = buffer.append_text(entry.path);
    planned.link = buffer.append_text(entry.link);
    planned.kind = entry.kind == TreeKind::kFile ? AreaEntryKind::kFile : AreaEntryKind::kDirectory;
    if (!entry.link.empty()) planned.kind = AreaEntryKind::kLink;
  }
  return {};
}

}  // namespace

Result<WrittenPlan> write_plan(const PlanContent& content) {
  WrittenPlan written;
  PlanBuffer buffer(sizeof(ChildPlan));
  WRIT_ASSIGN(const ChildPlan plan, fill_plan(content, buffer, written));
  WRIT_ASSIGN(written.memory, seal(buffer.finish(plan)));
  return written;
}

Result<WrittenPlan> write_template(const PlanContent& content, const View& view, const FilesystemPolicy& filesystem,
                                   const LimitPolicy& limits) {
  WrittenPlan written;
  PlanBuffer buffer(sizeof(TemplatePlan));
  TemplatePlan plan{};
  WRIT_ASSIGN(plan.child, fill_plan(content, buffer, written));
  plan.child.head.magic = kTemplatePlanMagic;
  plan.scratch = {buffer.append_text(std::to_string(limits.tmp_size)),
                  buffer.append_text(std::to_string(area_inodes(limits.tmp_size)))};
  plan.shared_memory = {buffer.append_text(std::to_string(limits.shm_size)),
                        buffer.append_text(std::to_string(area_inodes(limits.shm_size)))};
  WRIT_TRY(add_areas(plan, view, filesystem, buffer));
  WRIT_ASSIGN(written.memory, seal(buffer.finish(plan)));
  return written;
}

namespace {

Result<std::vector<char>> fill_order(const PlanContent& content, WrittenPlan& written) {
  const bool in_order = content.filter_place == FilterPlace::kOrder;
  if (in_order) WRIT_TRY(check_filter(content));
  PlanBuffer buffer(sizeof(ToolOrder));
  ToolOrder order{};
  order.head.magic = kToolOrderMagic;
  order.program_path = buffer.append_text(content.program_path);
  order.program_index = add_descriptor(written, content.program);
  order.program_number = content.program_number;
  WRIT_TRY(add_grants(order, written, content.descriptors));
  if (in_order) order.filter = buffer.append_array(content.filter.data(), content.filter.size());
  order.listener_filter = buffer.append_array(content.listener_filter.data(), content.listener_filter.size());
  order.arguments = buffer.append_vector(content.arguments);
  order.environment = buffer.append_vector(content.environment);
  return std::move(buffer.finish(order));
}

}  // namespace

Result<WrittenPlan> write_order(const PlanContent& content) {
  WrittenPlan written;
  WRIT_ASSIGN(const std::vector<char> bytes, fill_order(content, written));
  WRIT_ASSIGN(written.memory, seal(bytes));
  return written;
}

Result<EncodedOrder> encode_order(const PlanContent& content) {
  WrittenPlan written;
  WRIT_ASSIGN(std::vector<char> bytes, fill_order(content, written));
  return EncodedOrder{std::move(bytes), std::move(written.descriptors)};
}

}  // namespace writ
