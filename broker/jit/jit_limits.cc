#include "broker/jit/jit_limits.h"

#include <algorithm>
#include <variant>

#include "broker/base/escape.h"
#include "broker/tool/json_schema.h"

namespace writ {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kJitNameLimit && is_lower(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

Status check_text(std::string_view what, std::string_view text, std::size_t limit) {
  if (text.empty()) return fail("the " + std::string(what) + " is empty");
  if (text.size() > limit)
    return fail("the " + std::string(what) + " is longer than " + std::to_string(limit) + " bytes");
  if (!is_valid_utf8(text)) return fail("the " + std::string(what) + " is not UTF-8");
  if (text.find('\0') != std::string_view::npos) return fail("the " + std::string(what) + " has a NUL byte");
  return {};
}

bool is_null(const JsonValue& value) { return std::holds_alternative<std::monostate>(value.storage()); }

Status check_schema(const JsonValue& schema) {
  if (is_null(schema)) return {};
  if (schema.to_text().size() > kJitSchemaSizeLimit)
    return fail("the input schema is longer than " + std::to_string(kJitSchemaSizeLimit) + " bytes");
  if (const auto parsed = JsonSchema::parse(schema, "input_schema"); !parsed) return tl::unexpected(parsed.error());
  return {};
}

Status check_tests(const std::vector<JitTest>& tests) {
  if (tests.size() > kJitTestLimit) return fail("there are more than " + std::to_string(kJitTestLimit) + " tests");
  for (std::size_t i = 0; i < tests.size(); ++i)
    if (JsonValue(tests[i].arguments).to_text().size() + tests[i].expected.to_text().size() > kJitTestSizeLimit)
      return fail("test " + std::to_string(i + 1) + " is longer than " + std::to_string(kJitTestSizeLimit) + " bytes");
  return {};
}

}  // namespace

Status check_jit_draft(const JitDraft& draft) {
  if (!draft.requested_capabilities.empty())
    return fail("a tool made at run time cannot ask for capabilities of its own",
                "leave requested_capabilities out: its calls are decided about as those of this session");
  if (!is_tool_name(draft.name))
    return fail("the name is not one of a tool", "a small letter, then small letters, digits and _; at most 64");
  WRIT_TRY(check_text("description", draft.description, kJitDescriptionLimit));
  WRIT_TRY(check_text("source", draft.source, kJitSourceLimit));
  WRIT_TRY(check_tests(draft.tests));
  return check_schema(draft.input_schema);
}

Status check_jit_arguments(const JitDraft& draft, const JsonObject& arguments) {
  if (is_null(draft.input_schema)) return {};
  WRIT_ASSIGN(const JsonSchema schema, JsonSchema::parse(draft.input_schema, "input_schema"));
  return schema.check(JsonValue(arguments));
}

}  // namespace writ
