// The answers of `writ why` as text and as JSON. Pure; any thread.
#ifndef WRIT_LAUNCHER_WHY_PRINT_H_
#define WRIT_LAUNCHER_WHY_PRINT_H_

#include <string>
#include <vector>

#include "launcher/standard_output.h"
#include "launcher/why_answer.h"
#include "launcher/why_change.h"

namespace writ {

inline constexpr int kWhySchemaVersion = 1;

// One question with its answer.
struct WhyRow {
  std::string action;
  std::string target;    // absolute path, address, command
  std::string resolved;  // where symbolic links on the host lead; empty: nowhere else
  bool exists = true;    // on the host, for paths
  WhyAnswer answer;
  WhyChange change;
};

[[nodiscard]] std::string why_text(const std::vector<WhyRow>& rows, Colour colour);

// The members are described in docs/policy.md.
[[nodiscard]] std::string why_json(const std::string& profile, const std::vector<WhyRow>& rows);

}  // namespace writ

#endif  // WRIT_LAUNCHER_WHY_PRINT_H_
