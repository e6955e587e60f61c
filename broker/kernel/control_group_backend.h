// ControlGroupBackend: one form of control groups. Internal to broker/kernel.
#ifndef WRIT_BROKER_KERNEL_CONTROL_GROUP_BACKEND_H_
#define WRIT_BROKER_KERNEL_CONTROL_GROUP_BACKEND_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/unique_fd.h"
#include "broker/kernel/control_group.h"
#include "broker/kernel/control_group_keeper.h"

namespace writ {

// One directory of a group.
struct GroupDirectory {
  std::string path;
  std::string name;
  std::vector<std::string> controllers;
  UniqueFd parent;
  UniqueFd directory;  // invalid until it is made

  [[nodiscard]] bool controls(std::string_view controller) const;
  // Files of the directory. Errors: those of the kernel, with the file's name.
  [[nodiscard]] Status write(const char* file, std::string_view text) const;
  // At most some thousand bytes; empty when there is no such file.
  [[nodiscard]] std::string read(const char* file) const;
  [[nodiscard]] std::optional<std::uint64_t> read_number(const char* file) const;
  // The number behind `key` in a file of lines "key number".
  [[nodiscard]] std::optional<std::uint64_t> read_entry(const char* file, std::string_view key) const;
  [[nodiscard]] bool has(const char* file) const;
};

class ControlGroupBackend {
 public:
  ControlGroupBackend() = default;
  ControlGroupBackend(const ControlGroupBackend&) = delete;
  ControlGroupBackend& operator=(const ControlGroupBackend&) = delete;
  virtual ~ControlGroupBackend() = default;

  // Sets the limits of the directories, which are made by now.
  [[nodiscard]] virtual Status set_limits(const ControlGroupLimits& limits) = 0;
  [[nodiscard]] virtual ControlGroupUse use() const = 0;
  [[nodiscard]] virtual int memory_descriptor() const { return -1; }
  [[nodiscard]] virtual bool can_freeze() const { return false; }
  [[nodiscard]] virtual Status set_frozen(Frozen frozen) = 0;
  [[nodiscard]] virtual std::string name() const = 0;
  // What has to be done before the group can be made, and undone when it is gone.
  [[nodiscard]] virtual Status prepare() { return {}; }
  virtual void finish() {}
  // For the keeper.
  [[nodiscard]] virtual LeftGroup left() const { return {}; }

  [[nodiscard]] Status make();  // the directories
  [[nodiscard]] Status add(pid_t process) const;
  void kill_all();

  std::vector<GroupDirectory> directories;
  std::vector<std::string> not_held;

 protected:
  [[nodiscard]] const GroupDirectory* directory_of(std::string_view controller) const;
};

[[nodiscard]] std::unique_ptr<ControlGroupBackend> make_separate_control_group();
[[nodiscard]] std::unique_ptr<ControlGroupBackend> make_unified_control_group(ControlGroupPlace place);

// "max 100000" or "50000 100000": what a share of `thousandths` is in each period, in microseconds.
inline constexpr std::uint64_t kQuotaPeriod = 100'000;
[[nodiscard]] constexpr std::uint64_t quota_of(std::uint64_t thousandths) { return thousandths * kQuotaPeriod / 1000; }

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_CONTROL_GROUP_BACKEND_H_
