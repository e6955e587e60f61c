// YamlDocument: a small, strict part of YAML as a plain tree. The only door between Writ and yaml-cpp.
//
// What YAML allows and this reader refuses, with file:line:column: several documents, directives, anchors, aliases,
// tags, merge keys, duplicate keys, keys that are not plain words, byte order marks, control characters, characters
// that hide or reorder text on a screen, tabs in the indentation. Scalars stay text: nothing here guesses numbers or
// booleans.
//
// Pure; any thread. No exception leaves this module, no type of yaml-cpp is visible outside of it.
#ifndef WRIT_BROKER_POLICY_YAML_DOCUMENT_H_
#define WRIT_BROKER_POLICY_YAML_DOCUMENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"

namespace writ {

inline constexpr std::size_t kYamlSizeLimit = std::size_t{256} << 10;  // bytes; yaml-cpp reads about 8 MB/s
inline constexpr std::size_t kYamlDepthLimit = 32;                     // sequences and mappings inside each other
inline constexpr std::size_t kYamlNodeLimit = 20000;                   // keys and values together

// Both count from 1; columns count bytes.
struct YamlPosition {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

enum class YamlKind : std::uint8_t {
  kNull,  // nothing, `~` or `null`
  kScalar,
  kSequence,
  kMapping,
};

enum class YamlQuoting : std::uint8_t {
  kPlain,
  kQuoted,  // in quotes, or a block scalar
};

struct YamlNode {
  YamlKind kind = YamlKind::kNull;
  YamlQuoting quoting = YamlQuoting::kPlain;
  YamlPosition position;
  std::string text;                // of a scalar
  std::string key;                 // of an entry in a mapping
  YamlPosition key_position;       // of an entry in a mapping
  std::vector<YamlNode> children;  // items of a sequence, entries of a mapping (keys are unique)

  // Returns the entry of a mapping with this key, or nullptr. Linear: meant for the small mappings of a profile.
  [[nodiscard]] const YamlNode* find(std::string_view wanted) const;
};

struct YamlDocument {
  std::string display_name;  // how messages call the file; any bytes, escaped when shown
  std::string text;
  YamlNode root;
  std::uint16_t source = 0;  // what its reader counts it as; not used here
};

// Which reader does the work; the result is the same.
enum class YamlReader : std::uint8_t {
  kFastest,  // the reader for plain YAML (yaml_simple.h) where it can, yaml-cpp otherwise and for every error
  kYamlCpp,  // always yaml-cpp: what tests compare with
};

// Parses `text`. Errors: everything listed above, the limits, and what yaml-cpp's parser rejects.
[[nodiscard]] Result<YamlDocument> parse_yaml(std::string_view display_name, std::string_view text,
                                              YamlReader reader = YamlReader::kFastest);

// Returns `message` (already escaped) as a failure at `position`, with the source line and a caret below it:
//   file:3:1: message
//     3 | source line
//       | ^
[[nodiscard]] tl::unexpected<Error> fail_at(const YamlDocument& document, YamlPosition position,
                                            std::string_view message);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_YAML_DOCUMENT_H_
