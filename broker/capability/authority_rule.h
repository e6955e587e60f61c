// AuthorityRule: a finer rule that a capability carries: about one operation, under conditions. And OperationContext:
// what a request says about its operation, for such rules to look at. Plain values; pure; any thread.
#ifndef WRIT_BROKER_CAPABILITY_AUTHORITY_RULE_H_
#define WRIT_BROKER_CAPABILITY_AUTHORITY_RULE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/capability/typed_resource.h"
#include "broker/policy/rule.h"

namespace writ {

enum class RuleRisk : std::uint8_t { kHarmless, kLow, kMedium, kHigh, kDestructive };
inline constexpr std::array<std::string_view, 5> kRuleRiskNames = {"harmless", "low", "medium", "high", "destructive"};

enum class ArgumentsMatch : std::uint8_t { kExact, kPrefix };
inline constexpr std::array<std::string_view, 2> kArgumentsMatchNames = {"exact", "prefix"};

// What an operation wants from the network or from the file system.
enum class NetworkIntent : std::uint8_t { kNone, kConnect };
inline constexpr std::array<std::string_view, 2> kNetworkIntentNames = {"none", "connect"};
enum class FilesystemIntent : std::uint8_t { kNone, kRead, kWrite };
inline constexpr std::array<std::string_view, 3> kFilesystemIntentNames = {"none", "read", "write"};

// What is known about the operation of a request. What is not known is absent, which no condition takes for agreement.
struct OperationContext {
  std::string operation;  // "shell.run"
  std::optional<std::vector<std::string>> arguments;
  std::optional<TypedResource> working_directory;
  std::optional<TypedResource> path;
  std::optional<NetworkIntent> network;
  std::optional<FilesystemIntent> filesystem;
  std::optional<std::int64_t> timeout_seconds;
  std::optional<std::string> image;
};

// All that are there must hold; none: unconditional.
struct RuleConditions {
  std::optional<std::vector<std::string>> arguments;
  ArgumentsMatch match = ArgumentsMatch::kExact;
  std::optional<TypedResource> working_directory;  // a set that the working directory must be in
  std::optional<TypedResource> path;
  std::optional<NetworkIntent> network;
  std::optional<FilesystemIntent> filesystem;
  std::optional<std::int64_t> timeout_seconds;      // exactly
  std::optional<std::int64_t> timeout_seconds_max;  // at most
  std::optional<std::string> image;
};

struct AuthorityRule {
  std::string id;
  std::string operation;  // "shell.run", "shell.*"
  Effect effect = Effect::kDeny;
  RuleRisk risk = RuleRisk::kMedium;
  RuleConditions conditions;
  std::string description;
};

enum class RuleMatch : std::uint8_t {
  kNo,
  kYes,
  kCannotTell,  // the request does not say what a condition asks about
};

[[nodiscard]] RuleMatch match_rule(const AuthorityRule& rule, const OperationContext& context);

// "provider.operation", or "provider.*" for a rule; words of [a-z0-9_], at most 128 bytes.
[[nodiscard]] bool is_operation_name(std::string_view name);
[[nodiscard]] bool is_operation_pattern(std::string_view pattern);

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_AUTHORITY_RULE_H_
