// WriteShields: the paths that a tool may not change, and those above them, which it may not move away or replace.
// Made from every rule of a policy that refuses writing, so that names which do not exist are refused as well. Pure;
// immutable; any thread.
#ifndef WRIT_BROKER_MEDIATION_WRITE_SHIELDS_H_
#define WRIT_BROKER_MEDIATION_WRITE_SHIELDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "broker/policy/access_policy.h"

namespace writ {

class WriteShields {
 public:
  WriteShields() = default;
  // `covered`: what the view has put over a place (hidden names, other grants). `aliases`: where protected names lead
  // through symbolic links (protected_links.h).
  WriteShields(const AccessPolicy& policy, std::vector<std::string> covered, std::vector<std::string> aliases);

  // The alias that `path` is, or lies beneath; else empty.
  [[nodiscard]] std::string_view alias_of(std::string_view path) const;

  // The shielded path that lies strictly beneath `directory`, if there is one; else empty. What is put in the place of
  // `directory`, or where it is moved to, would give that path another meaning.
  [[nodiscard]] std::string_view beneath(std::string_view directory) const;

  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }

 private:
  std::vector<std::string> paths_;  // sorted, unique
  std::vector<std::string> aliases_;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_WRITE_SHIELDS_H_
