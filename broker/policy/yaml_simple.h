// The short way through a profile: a reader for the plain part of YAML that profiles are written in. Internal to
// yaml_document. Pure; any thread.
//
// yaml-cpp needs 2 to 3 µs for each entry of a list, more than the rest of a launch spends on policy. This reader takes
// a tenth of that. It never reports an error: for anything that it does not know for certain (double quotes, block
// scalars, anchors, mistakes of any kind) it gives up, and yaml-cpp decides. What it accepts, yaml-cpp reads as the
// same tree with the same positions: tests and the fuzz target compare the two.
#ifndef WRIT_BROKER_POLICY_YAML_SIMPLE_H_
#define WRIT_BROKER_POLICY_YAML_SIMPLE_H_

#include <optional>
#include <string_view>

#include "broker/policy/yaml_document.h"

namespace writ {

// Returns the tree of `text`, or nothing when `text` is not of the plain kind:
//   key: word or several words      # comment
//   key: 'quoted'
//   key: [a, 'b', {c: d}]           on one line
//   key:
//     - item                        deeper than its key
//     - {path: /opt, optional: true}
//     other: value
[[nodiscard]] std::optional<YamlNode> read_simple_yaml(std::string_view text);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_YAML_SIMPLE_H_
