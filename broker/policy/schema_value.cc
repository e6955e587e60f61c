#include "broker/policy/schema_value.h"

#include <vector>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/policy/profile_values.h"

namespace writ {
namespace {

// What a value is, in the words of a message.
std::string describe_kind(const YamlNode& node) {
  switch (node.kind) {
    case YamlKind::kNull:
      return "nothing";
    case YamlKind::kScalar:
      return quote_bytes(node.text, 80);
    case YamlKind::kSequence:
      return "a list";
    case YamlKind::kMapping:
      return "a mapping";
  }
  return "nothing";
}

std::string named(const YamlNode& node) { return node.key.empty() ? "" : quote_bytes(node.key, 80) + ": "; }

tl::unexpected<Error> refuse_kind(const SchemaValue& value, std::string_view expected) {
  return value.refuse(named(value.node) + "expected " + std::string(expected) + ", got " + describe_kind(value.node));
}

// Merging is quadratic in the length of a list; this keeps a hostile file from using that.
Status check_entry_count(const SchemaValue& value) {
  if (value.node.children.size() <= kEntryLimit) return {};
  return value.refuse(named(value.node) + "has more than 2000 entries");
}

// Returns the text of a plain (unquoted) scalar: "4" in quotes is a word, not a number.
Result<std::string_view> read_plain(const SchemaValue& value, std::string_view expected) {
  if (value.node.kind != YamlKind::kScalar) return refuse_kind(value, expected);
  if (value.node.quoting == YamlQuoting::kQuoted)
    return value.refuse(named(value.node) + "expected " + std::string(expected) + " without quotes");
  return std::string_view(value.node.text);
}

template <class Number>
Status read_bounded(const SchemaValue& value, const Result<Number>& parsed, const Bounds<Number>& bounds,
                    Number& target) {
  if (!parsed) return value.refuse(named(value.node) + parsed.error().what);
  if (*parsed < bounds.least || *parsed > bounds.most)
    return value.refuse(named(value.node) + "must be " + std::string(bounds.range) + ", got " +
                        quote_bytes(value.node.text, 80));
  target = *parsed;
  return {};
}

bool is_none(const SchemaValue& value) {
  return value.node.kind == YamlKind::kScalar && value.node.quoting == YamlQuoting::kPlain && value.node.text == "none";
}

}  // namespace

Status expect_mapping(const SchemaValue& value) {
  if (value.node.kind != YamlKind::kMapping) return refuse_kind(value, "a mapping (key: value)");
  return check_entry_count(value);
}

Status expect_sequence(const SchemaValue& value) {
  if (value.node.kind != YamlKind::kSequence) return refuse_kind(value, "a list ([] is the empty one)");
  return check_entry_count(value);
}

Result<std::string_view> read_free_text(const SchemaValue& value) {
  if (value.node.kind != YamlKind::kScalar) return refuse_kind(value, "a text (write '' for an empty one)");
  return std::string_view(value.node.text);
}

Result<std::string_view> read_text(const SchemaValue& value) {
  if (value.node.kind != YamlKind::kScalar) return refuse_kind(value, "a word");
  const std::string_view text = value.node.text;
  if (text.empty()) return value.refuse(named(value.node) + "is empty");
  if (text.find('\n') != std::string_view::npos || text.find('\t') != std::string_view::npos)
    return value.refuse(named(value.node) + quote_bytes(text, 80) + " holds a newline or a tab");
  return text;
}

Result<const KeyRule*> find_rule(const SchemaValue& entry, std::span<const KeyRule> rules) {
  for (const KeyRule& rule : rules)
    if (rule.key == entry.node.key) return &rule;
  std::vector<std::string_view> known;
  for (const KeyRule& rule : rules) known.push_back(rule.key);
  return entry.refuse_key("unknown key " + quote_bytes(entry.node.key, 80) + did_you_mean(entry.node.key, known));
}

Status read_section(const SchemaValue& value, std::span<const KeyRule> rules, ProfileDraft& draft) {
  return for_each_entry(value, [&](const SchemaValue& entry) -> Status {
    WRIT_ASSIGN(const KeyRule* rule, find_rule(entry, rules));
    return rule->read(entry, draft);
  });
}

tl::unexpected<Error> refuse_word(const SchemaValue& value, std::string_view word,
                                  std::span<const std::string_view> expected) {
  std::string list;
  for (const std::string_view one : expected) list.append(list.empty() ? "" : ", ").append(one);
  return value.refuse(named(value.node) + "expected one of " + list + "; got " + quote_bytes(word, 80) +
                      did_you_mean(word, expected));
}

Status read_count(const SchemaValue& value, const CountBounds& bounds, std::uint64_t& target) {
  WRIT_ASSIGN(const std::string_view text, read_plain(value, "a number"));
  return read_bounded(value, parse_count(text), bounds, target);
}

Status read_size(const SchemaValue& value, const CountBounds& bounds, std::uint64_t& target) {
  WRIT_ASSIGN(const std::string_view text, read_plain(value, "a size such as 4096, 64K, 512M or 2G"));
  return read_bounded(value, parse_size(text), bounds, target);
}

Status read_thousandths(const SchemaValue& value, const CountBounds& bounds, std::uint64_t& target) {
  WRIT_ASSIGN(const std::string_view text, read_plain(value, "a decimal number such as 2 or 0.5"));
  return read_bounded(value, parse_thousandths(text), bounds, target);
}

Status read_duration(const SchemaValue& value, const DurationBounds& bounds, Milliseconds& target) {
  WRIT_ASSIGN(const std::string_view text, read_plain(value, "a duration such as 500ms, 60s, 5m or 2h"));
  return read_bounded(value, parse_duration(text), bounds, target);
}

namespace {

using ReadNumber = Status (*)(const SchemaValue&, const CountBounds&, std::uint64_t&);

Status read_optional(ReadNumber read, const SchemaValue& value, const CountBounds& bounds,
                     std::optional<std::uint64_t>& target) {
  target.reset();
  if (is_none(value)) return {};
  std::uint64_t number = 0;
  WRIT_TRY(read(value, bounds, number));
  target = number;
  return {};
}

}  // namespace

Status read_optional_size(const SchemaValue& value, const CountBounds& bounds, std::optional<std::uint64_t>& target) {
  return read_optional(read_size, value, bounds, target);
}

Status read_optional_count(const SchemaValue& value, const CountBounds& bounds, std::optional<std::uint64_t>& target) {
  return read_optional(read_count, value, bounds, target);
}

Status read_optional_thousandths(const SchemaValue& value, const CountBounds& bounds,
                                 std::optional<std::uint64_t>& target) {
  return read_optional(read_thousandths, value, bounds, target);
}

Status read_optional_duration(const SchemaValue& value, const DurationBounds& bounds,
                              std::optional<Milliseconds>& target) {
  target.reset();
  if (is_none(value)) return {};
  Milliseconds duration{};
  WRIT_TRY(read_duration(value, bounds, duration));
  target = duration;
  return {};
}

}  // namespace writ
