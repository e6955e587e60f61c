// A table of capabilities with a clock that the test sets, and short ways to say what is granted and asked.
#ifndef WRIT_TESTS_UNIT_CAPABILITY_FIXTURE_H_
#define WRIT_TESTS_UNIT_CAPABILITY_FIXTURE_H_

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/capability/capability_table.h"

namespace writ::capability_tests {

inline constexpr std::int64_t kStart = 1'700'000'000'000;
inline constexpr std::int64_t kHour = 3'600'000;

template <class T>
T needed(Result<T> result) {
  if (!result) FAIL(result.error().describe());
  return std::move(*result);
}
inline void need(const Status& status) {
  if (!status) FAIL(status.error().describe());
}

inline Subject subject(std::string_view text) { return needed(Subject::parse(text)); }
inline TypedResource resource(std::string_view text) { return needed(TypedResource::parse(text)); }

inline RandomSource counting_ids() {
  auto next = std::make_shared<std::atomic<std::uint64_t>>(0);
  return [next] { return RandomBits{0, ++*next}; };
}

inline Actor person() { return {subject("user:0"), ActingAs::kPerson}; }
inline Actor acting(std::string_view name) { return {subject(name), ActingAs::kSubject}; }

inline CapabilityDraft draft(std::string_view who, CapabilityRights rights, std::string_view what,
                             Effect effect = Effect::kAllow) {
  CapabilityDraft made{subject(who), resource(what), rights};
  made.effect = effect;
  return made;
}

inline CapabilityRequest request(std::string_view who, CapabilityRight right, std::string_view what) {
  return {subject(who), right, resource(what)};
}

// One table, whose clock stands unless the test moves it.
struct Scene {
  AuthorityTime time{kStart, 1000};
  CapabilityTable table{counting_ids()};

  Capability give(CapabilityDraft made) { return needed(table.grant(person(), std::move(made), time)); }
  Capability give(std::string_view who, CapabilityRights rights, std::string_view what,
                  Effect effect = Effect::kAllow) {
    return give(draft(who, rights, what, effect));
  }
  Effect effect(const CapabilityRequest& asked) { return table.decide(asked, time).effect; }
  Effect effect(std::string_view who, CapabilityRight right, std::string_view what) {
    return effect(request(who, right, what));
  }
  void revoke(const Capability& capability) { need(table.revoke(person(), capability.id, time)); }
  void pass(std::int64_t milliseconds) {
    time.wall += milliseconds;
    time.running += milliseconds;
  }
};

inline AuthorityRule rule(std::string id, Effect effect, std::string operation,
                          std::vector<std::string> arguments = {}) {
  AuthorityRule made;
  made.id = std::move(id);
  made.effect = effect;
  made.operation = std::move(operation);
  if (!arguments.empty()) made.conditions.arguments = std::move(arguments);
  return made;
}

inline CapabilityRequest command(std::string_view who, std::vector<std::string> arguments,
                                 std::string operation = "shell.run") {
  CapabilityRequest asked = request(who, CapabilityRight::kExecute, "shell:git");
  asked.context.operation = std::move(operation);
  asked.context.arguments = std::move(arguments);
  return asked;
}

inline ApprovalBinding binding(char hash = 'a', std::optional<std::string> version = std::nullopt) {
  return {"effect-1", std::string(64, hash), std::move(version)};
}

// Whether a refusal says `words`.
template <class T>
bool refused(const Result<T>& result, std::string_view words) {
  if (result) return false;
  INFO(result.error().describe());
  return result.error().describe().find(words) != std::string::npos;
}

}  // namespace writ::capability_tests

#endif  // WRIT_TESTS_UNIT_CAPABILITY_FIXTURE_H_
