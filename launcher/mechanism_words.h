// What enforcing costs, in words: for people who want to know why a profile is written as it is. Pure; any thread.
#ifndef WRIT_LAUNCHER_MECHANISM_WORDS_H_
#define WRIT_LAUNCHER_MECHANISM_WORDS_H_

#include <array>
#include <string>
#include <string_view>

#include "broker/policy/rule_lowering.h"

namespace writ {

// The name of a mechanism in JSON: "read_only_mount".
[[nodiscard]] std::string_view mechanism_name(Mechanism mechanism);

// When the mechanism costs something: "one mount at the start, nothing later".
[[nodiscard]] std::string_view mechanism_cost(Mechanism mechanism);

// How a limit is held.
struct LimitWords {
  std::string_view key;  // in profiles
  std::string_view mechanism;
  std::string_view cost;
};
[[nodiscard]] const std::array<LimitWords, 16>& limit_words();

// What a layer of isolation costs: "about 0.4 ms, beside other work". In the order of Layer.
[[nodiscard]] std::string_view layer_cost(Layer layer);

}  // namespace writ

#endif  // WRIT_LAUNCHER_MECHANISM_WORDS_H_
