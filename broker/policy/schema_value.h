// Typed, strict readers of one YAML value: the building blocks of the schemas of profiles and approval files. Internal
// to their loaders. Pure; any thread. Every error carries file:line:column.
#ifndef WRIT_BROKER_POLICY_SCHEMA_VALUE_H_
#define WRIT_BROKER_POLICY_SCHEMA_VALUE_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/policy/profile_draft.h"
#include "broker/policy/yaml_document.h"

namespace writ {

inline constexpr std::size_t kEntryLimit = 2000;  // entries of one list or mapping

// A value and the file that it stands in; borrows both.
struct SchemaValue {
  const YamlDocument& document;
  const YamlNode& node;

  [[nodiscard]] SourceOrigin origin() const { return {&document, node.position}; }
  [[nodiscard]] SchemaValue child(const YamlNode& entry) const { return {document, entry}; }
  // Fails at this value; `message` is already escaped.
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view message) const {
    return fail_at(document, node.position, message);
  }
  // Fails at the key of this value.
  [[nodiscard]] tl::unexpected<Error> refuse_key(std::string_view message) const {
    return fail_at(document, node.key_position, message);
  }
};

// One key of a mapping and what reads its value into the draft.
struct KeyRule {
  std::string_view key;
  Status (*read)(const SchemaValue&, ProfileDraft&);
};

[[nodiscard]] Status expect_mapping(const SchemaValue& value);
[[nodiscard]] Status expect_sequence(const SchemaValue& value);

// Returns the text of a one-line scalar that is not empty.
[[nodiscard]] Result<std::string_view> read_text(const SchemaValue& value);

// Returns the text of any scalar, also an empty or quoted one with line breaks.
[[nodiscard]] Result<std::string_view> read_free_text(const SchemaValue& value);

// Returns the rule for the key of `entry`. Error: unknown key, with the nearest known one.
[[nodiscard]] Result<const KeyRule*> find_rule(const SchemaValue& entry, std::span<const KeyRule> rules);

// Reads a mapping by its rules, in the order of the file.
[[nodiscard]] Status read_section(const SchemaValue& value, std::span<const KeyRule> rules, ProfileDraft& draft);

// Calls `read(SchemaValue)` for each item of a sequence; stops at the first failure.
template <class Read>
[[nodiscard]] Status for_each_item(const SchemaValue& value, Read read) {
  WRIT_TRY(expect_sequence(value));
  for (const YamlNode& item : value.node.children) WRIT_TRY(read(value.child(item)));
  return {};
}

// Calls `read(SchemaValue)` for each entry of a mapping; stops at the first failure.
template <class Read>
[[nodiscard]] Status for_each_entry(const SchemaValue& value, Read read) {
  WRIT_TRY(expect_mapping(value));
  for (const YamlNode& entry : value.node.children) WRIT_TRY(read(value.child(entry)));
  return {};
}

// Fails with "expected one of a, b, c; got 'x' (did you mean …?)".
[[nodiscard]] tl::unexpected<Error> refuse_word(const SchemaValue& value, std::string_view word,
                                                std::span<const std::string_view> expected);

template <class Meaning>
struct Word {
  std::string_view text;
  Meaning meaning;
};

// Reads one of a few words.
template <class Meaning, std::size_t kCount>
[[nodiscard]] Status read_word(const SchemaValue& value, const std::array<Word<Meaning>, kCount>& words,
                               Meaning& target) {
  WRIT_ASSIGN(const std::string_view text, read_text(value));
  std::array<std::string_view, kCount> expected{};
  for (std::size_t i = 0; i < kCount; ++i) {
    if (words[i].text == text) {
      target = words[i].meaning;
      return {};
    }
    expected[i] = words[i].text;
  }
  return refuse_word(value, text, expected);
}

using Milliseconds = std::chrono::milliseconds;

// Bounds of a number, with the words that a message uses for them.
template <class Number>
struct Bounds {
  Number least;
  Number most;
  std::string_view range;  // "at least 16 and at most …"
};

using CountBounds = Bounds<std::uint64_t>;
using DurationBounds = Bounds<Milliseconds>;

[[nodiscard]] Status read_count(const SchemaValue& value, const CountBounds& bounds, std::uint64_t& target);
[[nodiscard]] Status read_size(const SchemaValue& value, const CountBounds& bounds, std::uint64_t& target);
[[nodiscard]] Status read_duration(const SchemaValue& value, const DurationBounds& bounds, Milliseconds& target);

// A decimal number, as thousandths.
[[nodiscard]] Status read_thousandths(const SchemaValue& value, const CountBounds& bounds, std::uint64_t& target);

// The same for limits that need not be set: the word `none` takes away what a base has set.
[[nodiscard]] Status read_optional_size(const SchemaValue& value, const CountBounds& bounds,
                                        std::optional<std::uint64_t>& target);
[[nodiscard]] Status read_optional_count(const SchemaValue& value, const CountBounds& bounds,
                                         std::optional<std::uint64_t>& target);
[[nodiscard]] Status read_optional_thousandths(const SchemaValue& value, const CountBounds& bounds,
                                               std::optional<std::uint64_t>& target);
[[nodiscard]] Status read_optional_duration(const SchemaValue& value, const DurationBounds& bounds,
                                            std::optional<Milliseconds>& target);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SCHEMA_VALUE_H_
