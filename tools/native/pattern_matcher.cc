#include "tools/native/pattern_matcher.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstdint>

namespace writ::tools {
namespace {

constexpr std::size_t kPatternLimit = 4096;   // bytes
constexpr std::uint32_t kNestingLimit = 100;  // parentheses inside each other
constexpr std::uint32_t kStepLimit = 1'000'000;
constexpr std::uint32_t kDepthLimit = 100'000;
constexpr std::uint32_t kHeapLimit = 16 * 1024;  // KiB

template <auto Release>
struct Releaser {
  template <class Thing>
  void operator()(Thing* thing) const {
    Release(thing);
  }
};
using Code = std::unique_ptr<pcre2_code, Releaser<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Releaser<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Releaser<pcre2_match_context_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Releaser<pcre2_compile_context_free>>;
using Converted = std::unique_ptr<PCRE2_UCHAR, Releaser<pcre2_converted_pattern_free>>;

PCRE2_SPTR bytes_of(std::string_view text) {
  // The library's character type; an empty view may be null, which the library takes for a mistake.
  return reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
}

tl::unexpected<ToolFailure> wrong_pattern(int error, std::size_t place) {
  std::array<PCRE2_UCHAR, 256> words{};
  pcre2_get_error_message(error, words.data(), words.size());
  std::string message = "the pattern is wrong at byte " + std::to_string(place) + ": ";
  for (const PCRE2_UCHAR letter : words) {
    if (letter == 0) break;
    message += static_cast<char>(letter);
  }
  return refuse(FailureCode::kInvalidArguments, std::move(message));
}

ToolResult<std::string> regex_of_glob(std::string_view glob) {
  PCRE2_UCHAR* buffer = nullptr;
  PCRE2_SIZE size = 0;
  const int error = pcre2_pattern_convert(bytes_of(glob), glob.size(), PCRE2_CONVERT_GLOB | PCRE2_CONVERT_UTF, &buffer,
                                          &size, nullptr);
  const Converted converted(buffer);
  if (error != 0) return wrong_pattern(error, size);
  return std::string(converted.get(), converted.get() + size);
}

std::uint32_t options_of(PatternKind kind, LetterCase letter_case) {
  // \C could stop within a character; (*UTF) and the like in the pattern change nothing.
  std::uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
  if (kind == PatternKind::kText) options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_LITERAL;
  if (letter_case == LetterCase::kIgnored) options |= PCRE2_CASELESS;
  return options;
}

MatchContext limited_context() {
  MatchContext context(pcre2_match_context_create(nullptr));
  if (context == nullptr) return context;
  pcre2_set_match_limit(context.get(), kStepLimit);
  pcre2_set_depth_limit(context.get(), kDepthLimit);
  pcre2_set_heap_limit(context.get(), kHeapLimit);
  return context;
}

}  // namespace

struct PatternMatcher::Compiled {
  Code code;
  MatchData data;
  MatchContext context;
};

PatternMatcher::PatternMatcher(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
PatternMatcher::PatternMatcher(PatternMatcher&& other) noexcept = default;
PatternMatcher& PatternMatcher::operator=(PatternMatcher&& other) noexcept = default;
PatternMatcher::~PatternMatcher() = default;

ToolResult<PatternMatcher> PatternMatcher::compile(std::string_view pattern, PatternKind kind, LetterCase letter_case) {
  if (pattern.empty() || pattern.size() > kPatternLimit)
    return refuse(FailureCode::kInvalidArguments,
                  "a pattern has from 1 to " + std::to_string(kPatternLimit) + " bytes");
  std::string regex(pattern);
  if (kind == PatternKind::kGlob) {
    WRIT_TOOL_ASSIGN(regex, regex_of_glob(pattern));
  }
  const CompileContext limits(pcre2_compile_context_create(nullptr));
  if (limits == nullptr) return refuse(FailureCode::kFailed, "no memory for the pattern");
  pcre2_set_parens_nest_limit(limits.get(), kNestingLimit);
  int error = 0;
  PCRE2_SIZE place = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code.reset(
      pcre2_compile(bytes_of(regex), regex.size(), options_of(kind, letter_case), &error, &place, limits.get()));
  if (compiled->code == nullptr) return wrong_pattern(error, place);
  compiled->data.reset(pcre2_match_data_create_from_pattern(compiled->code.get(), nullptr));
  compiled->context = limited_context();
  if (compiled->data == nullptr || compiled->context == nullptr)
    return refuse(FailureCode::kFailed, "no memory for the pattern");
  return PatternMatcher(std::move(compiled));
}

ToolResult<std::optional<MatchPlace>> PatternMatcher::find(std::string_view subject) {
  const int found = pcre2_match(compiled_->code.get(), bytes_of(subject), subject.size(), 0, 0, compiled_->data.get(),
                                compiled_->context.get());
  if (found == PCRE2_ERROR_NOMATCH) return std::optional<MatchPlace>();
  if (found < 0)
    return refuse(FailureCode::kLimit, "the pattern takes too many steps; avoid repetitions inside repetitions");
  const PCRE2_SIZE* place = pcre2_get_ovector_pointer(compiled_->data.get());
  // \K in a lookahead may put the begin behind the end.
  return std::optional(MatchPlace{std::min(place[0], place[1]), std::max(place[0], place[1])});
}

}  // namespace writ::tools
