// PlanWriter: what the broker decided → the sealed memory file that init maps.
#ifndef WRIT_BROKER_SANDBOX_PLAN_WRITER_H_
#define WRIT_BROKER_SANDBOX_PLAN_WRITER_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/policy/bpf_program.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/child_plan.h"
#include "broker/sandbox/view.h"

namespace writ {

// Where the system call filter travels.
enum class FilterPlace : std::uint8_t {
  kOrder,
  kPlan,  // all tools of the plan have the same
};

struct GrantedDescriptor {
  int number;  // in the tool
  int source;  // borrowed, in the broker
};

// Everything that goes into the plan of a sandbox and into the order for its tool. Descriptors are borrowed until both
// are sent.
struct PlanContent {
  std::uint32_t layers = 0;
  std::uint32_t required_layers = 0;
  IdentityMap identity;  // of init's user namespace
  std::uint32_t tool_uid = 0;
  std::uint32_t tool_gid = 0;
  std::string host_name;
  std::string working_directory;
  int view_root = -1;
  int landlock_ruleset = -1;
  LateGrants late_grants = LateGrants::kNever;
  int program = -1;
  std::string program_path;
  int program_number = -1;   // ToolOrder::program_number
  int terminal_number = -1;  // descriptor of the tool that becomes its controlling terminal, or -1
  std::vector<GrantedDescriptor> descriptors;
  std::vector<ProcessLimit> limits;
  BpfProgram filter;
  FilterPlace filter_place = FilterPlace::kOrder;
  BpfProgram listener_filter;  // of compile_listener_filter(); empty: the sandbox gets no listener
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
};

struct WrittenPlan {
  UniqueFd memory;               // sealed
  std::vector<int> descriptors;  // borrowed, in the order of the plan's indices, which start at 1
};

// An order as the bytes of one message, for those that fit into it.
struct EncodedOrder {
  std::vector<char> bytes;
  std::vector<int> descriptors;  // as above
};

// The sandbox. Errors: too many limits; no memory.
[[nodiscard]] Result<WrittenPlan> write_plan(const PlanContent& content);

// What runs in it: program, arguments, environment, descriptors, filter. Errors: too many descriptors; two grants of
// the same number; a filter that the kernel would refuse for its length; no memory.
[[nodiscard]] Result<WrittenPlan> write_order(const PlanContent& content);

// The same without a memory file.
[[nodiscard]] Result<EncodedOrder> encode_order(const PlanContent& content);

// The template of many sandboxes (template_plan.h): `content`, and what each of them gets for itself in the places that
// `view` has left for it. Errors: as write_plan(); more private directories, or more entries in them, than fit.
[[nodiscard]] Result<WrittenPlan> write_template(const PlanContent& content, const View& view,
                                                 const FilesystemPolicy& filesystem, const LimitPolicy& limits);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_PLAN_WRITER_H_
