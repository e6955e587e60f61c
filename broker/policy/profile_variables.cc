#include "broker/policy/profile_variables.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"

namespace writ {
namespace {

// Reserved even when the caller gives no value for one of them: a profile must not be able to say where the home is.
constexpr std::array<std::string_view, 5> kBuiltInNames = {"workspace", "home", "user", "uid", "gid"};

tl::unexpected<Error> refuse(const SourceText& source, std::string_view message) {
  return fail_at(*source.origin.document, source.origin.position, message);
}

// What follows a '$': the name in "{name}", or nothing when it is not of that form.
std::string_view braced_name(std::string_view after_dollar) {
  if (!after_dollar.starts_with('{')) return {};
  const std::size_t end = after_dollar.find('}');
  return end == std::string_view::npos ? std::string_view{} : after_dollar.substr(1, end - 1);
}

}  // namespace

Status VariableExpander::check_definitions() {
  for (const DraftSetting& variable : defined_) {
    const bool reserved = std::find(kBuiltInNames.begin(), kBuiltInNames.end(), variable.name) != kBuiltInNames.end();
    if (reserved || built_in_.contains(variable.name))
      return refuse(variable.value, "the variable '" + variable.name + "' is built in and cannot be redefined");
  }
  for (const DraftSetting& variable : defined_) WRIT_TRY(value_of(variable.name, variable.value));
  return {};
}

Result<Expansion> VariableExpander::expand(const SourceText& source) {
  std::string_view rest = source.text;
  Expansion result;
  while (true) {
    const std::size_t dollar = rest.find('$');
    result.text.append(rest.substr(0, dollar));
    if (result.text.size() > kLongestExpansion) return refuse(source, "too long after variables are expanded");
    if (dollar == std::string_view::npos) return result;
    rest.remove_prefix(dollar + 1);
    if (rest.starts_with('$')) {
      result.text.push_back('$');
      rest.remove_prefix(1);
      continue;
    }
    const std::string_view name = braced_name(rest);
    if (name.empty()) return refuse(source, "a lone '$': write ${name} for a variable, or $$ for a dollar sign");
    WRIT_ASSIGN(const Expansion value, value_of(name, source));
    result.text.append(value.text);
    if (value.workspace == WorkspaceUse::kUsed) result.workspace = WorkspaceUse::kUsed;
    rest.remove_prefix(name.size() + 2);
  }
}

Result<Expansion> VariableExpander::value_of(std::string_view name, const SourceText& user) {
  if (const auto built_in = built_in_.find(name); built_in != built_in_.end())
    return Expansion{built_in->second, name == "workspace" ? WorkspaceUse::kUsed : WorkspaceUse::kNone};
  if (const auto known = expanded_.find(name); known != expanded_.end()) return known->second;
  const auto definition =
      std::find_if(defined_.begin(), defined_.end(), [&](const DraftSetting& s) { return s.name == name; });
  if (definition == defined_.end()) return refuse_unknown(name, user);
  WRIT_TRY(check_chain(name, user));
  in_progress_.emplace_back(name);
  WRIT_ASSIGN(Expansion value, expand(definition->value));
  in_progress_.pop_back();
  return expanded_.emplace(name, std::move(value)).first->second;
}

Status VariableExpander::check_chain(std::string_view next, const SourceText& user) const {
  const auto loop = std::find(in_progress_.begin(), in_progress_.end(), next);
  if (loop == in_progress_.end()) {
    if (in_progress_.size() < kVariableDepthLimit) return {};
    return refuse(user, "variables use each other in a chain of more than 32");
  }
  std::string chain;
  for (auto step = loop; step != in_progress_.end(); ++step) chain.append(*step).append(" → ");
  return refuse(user, "variables need each other: " + chain + std::string(next));
}

tl::unexpected<Error> VariableExpander::refuse_unknown(std::string_view name, const SourceText& user) const {
  std::vector<std::string_view> known;
  for (const auto& [built_in, value] : built_in_) known.push_back(built_in);
  for (const DraftSetting& variable : defined_) known.push_back(variable.name);
  return refuse(user, "unknown variable " + quote_bytes(name, 80) + did_you_mean(name, known));
}

}  // namespace writ
