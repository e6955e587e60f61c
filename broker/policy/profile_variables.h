// ${variables} in the texts of a profile. Internal to the profile loader. Pure; one expander per thread.
#ifndef WRIT_BROKER_POLICY_PROFILE_VARIABLES_H_
#define WRIT_BROKER_POLICY_PROFILE_VARIABLES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile_draft.h"

namespace writ {

// Longest text after expansion, so that variables that hold each other twice cannot grow without bound.
inline constexpr std::size_t kLongestExpansion = 32768;  // bytes
// Longest chain of variables that use each other.
inline constexpr std::size_t kVariableDepthLimit = 32;

using VariableMap = std::map<std::string, std::string, std::less<>>;

// Whether a text depends on ${workspace}, also through other variables: such a path is where the person happens to
// stand, not one that somebody has named.
enum class WorkspaceUse : std::uint8_t { kNone, kUsed };

struct Expansion {
  std::string text;
  WorkspaceUse workspace = WorkspaceUse::kNone;
};

// Expands `${name}`; `$$` stands for one dollar sign, any other use of it is an error.
class VariableExpander {
 public:
  // `built_in` holds the values that the caller provides, `defined` those of the profile; both are borrowed and must
  // outlive the expander.
  VariableExpander(const VariableMap& built_in, std::span<const DraftSetting> defined)
      : built_in_(built_in), defined_(defined) {}

  // Fails when the profile defines a name that is built in, or a value that cannot be expanded: a mistake in a variable
  // that nothing uses yet is still a mistake.
  [[nodiscard]] Status check_definitions();

  // Returns `source` with every variable replaced. Errors, with file:line:column: unknown variable, variables that need
  // each other, chains over the limit, a lone '$', an expansion over the limit.
  [[nodiscard]] Result<Expansion> expand(const SourceText& source);

 private:
  [[nodiscard]] Result<Expansion> value_of(std::string_view name, const SourceText& user);
  [[nodiscard]] Status check_chain(std::string_view next, const SourceText& user) const;
  [[nodiscard]] tl::unexpected<Error> refuse_unknown(std::string_view name, const SourceText& user) const;

  const VariableMap& built_in_;
  std::span<const DraftSetting> defined_;
  std::map<std::string, Expansion, std::less<>> expanded_;
  std::vector<std::string> in_progress_;
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PROFILE_VARIABLES_H_
