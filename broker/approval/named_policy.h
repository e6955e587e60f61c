// NamedPolicy: the four words for what holds from an answer on: always_allow, always_deny, ask_each_time, allow_once.
// Approval files and `writ approvals … --policy` use them. Pure; any thread.
#ifndef WRIT_BROKER_APPROVAL_NAMED_POLICY_H_
#define WRIT_BROKER_APPROVAL_NAMED_POLICY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace writ {

enum class NamedPolicy : std::uint8_t { kAlwaysAllow, kAlwaysDeny, kAskEachTime, kAllowOnce };

inline constexpr std::array<std::string_view, 4> kNamedPolicyNames = {"always_allow", "always_deny", "ask_each_time",
                                                                      "allow_once"};
[[nodiscard]] constexpr std::string_view named_policy_name(NamedPolicy policy) {
  return kNamedPolicyNames[static_cast<std::size_t>(policy)];
}
[[nodiscard]] constexpr std::optional<NamedPolicy> named_policy_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNamedPolicyNames.size(); ++i)
    if (kNamedPolicyNames[i] == name) return static_cast<NamedPolicy>(i);
  return std::nullopt;
}

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_NAMED_POLICY_H_
