// RememberedCommands: the commands that somebody allowed for the rest of a run: a program with exactly these arguments.
// A bounded list: what it has no place for is asked about again. Pure; one thread at a time.
#ifndef WRIT_BROKER_MEDIATION_REMEMBERED_COMMANDS_H_
#define WRIT_BROKER_MEDIATION_REMEMBERED_COMMANDS_H_

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace writ {

class RememberedCommands {
 public:
  // `program`: its path. `arguments`: without what the tool calls the program, because that is not what is run.
  void add(std::string_view program, std::span<const std::string> arguments);
  [[nodiscard]] bool has(std::string_view program, std::span<const std::string> arguments) const;

  static constexpr std::size_t kCommandLimit = 1000;
  static constexpr std::size_t kByteLimit = std::size_t{4} << 20;

 private:
  std::set<std::vector<std::string>> commands_;  // the program first
  std::size_t bytes_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_REMEMBERED_COMMANDS_H_
