// Paths and groups as a profile writes them → absolute paths. Internal to the profile loader. Pure; one per thread.
#ifndef WRIT_BROKER_POLICY_PLACE_RESOLVER_H_
#define WRIT_BROKER_POLICY_PLACE_RESOLVER_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile_draft.h"
#include "broker/policy/profile_variables.h"

namespace writ {

// One path of an entry; an entry that names a group has several.
struct ResolvedPlace {
  std::string path;  // absolute, lexically normal
  const SourceText* source;
  Presence presence = Presence::kRequired;
  WorkspaceUse workspace = WorkspaceUse::kNone;
};

class PlaceResolver {
 public:
  // Everything is borrowed and must outlive the resolver.
  PlaceResolver(const VariableMap& variables, VariableExpander& expander, std::span<const DraftGroup> groups)
      : variables_(variables), expander_(expander), groups_(groups) {}

  // Returns the path that `source` means. Errors: unknown variable, not absolute, '..', '~user', and what
  // normalize_absolute_path() refuses.
  [[nodiscard]] Result<Expansion> resolve_path(const SourceText& source);

  // Returns the paths of one entry. Errors: the same; an unknown group.
  [[nodiscard]] Result<std::vector<ResolvedPlace>> resolve(const DraftPath& place);

  // Error: `place` depends on ${workspace} and lies in one of `secrets`: standing there is not naming it.
  [[nodiscard]] static Status check_workspace(const ResolvedPlace& place, std::span<const std::string> secrets);

 private:
  [[nodiscard]] Result<std::string> expand_home(const SourceText& source, std::string_view path) const;
  [[nodiscard]] Result<const DraftGroup*> find_group(const SourceText& name) const;
  [[nodiscard]] Status append(const DraftPath& place, Presence presence, std::vector<ResolvedPlace>& places);

  const VariableMap& variables_;
  VariableExpander& expander_;
  std::span<const DraftGroup> groups_;
};

// Fails at `origin`; `message` is already escaped.
[[nodiscard]] tl::unexpected<Error> refuse_at(const SourceOrigin& origin, std::string_view message);

// The value of a built-in variable, or nothing.
[[nodiscard]] std::string_view variable_or_empty(const VariableMap& variables, std::string_view name);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PLACE_RESOLVER_H_
