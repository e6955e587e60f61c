// JitCandidate: a tool that an agent wrote in this session, as text: what it says about itself, how it is tried out.
// Nothing of it is believed: it runs in a sandbox that reaches nothing, and what it asks for is decided about like any
// other request of the session. Plain data; any thread.
#ifndef WRIT_BROKER_JIT_JIT_CANDIDATE_H_
#define WRIT_BROKER_JIT_JIT_CANDIDATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/json_text.h"

namespace writ {

enum class JitLanguage : std::uint8_t { kPython, kJavascript, kShell };
inline constexpr std::array<std::string_view, 3> kJitLanguageNames = {"python", "javascript", "shell"};

[[nodiscard]] constexpr std::string_view jit_language_name(JitLanguage language) {
  return kJitLanguageNames[static_cast<std::size_t>(language)];
}

inline constexpr std::size_t kJitNameLimit = 64;
inline constexpr std::size_t kJitDescriptionLimit = 1024;
inline constexpr std::size_t kJitSourceLimit = 64 * 1024;
inline constexpr std::size_t kJitTestLimit = 32;             // tests of one candidate
inline constexpr std::size_t kJitTestSizeLimit = 32 * 1024;  // bytes of JSON text of one test
inline constexpr std::size_t kJitSchemaSizeLimit = 32 * 1024;
inline constexpr std::size_t kJitCandidateLimit = 64;  // of one session

struct JitTest {
  JsonObject arguments;
  JsonValue expected;  // compared as JSON: 1 is 1.0, members in any order
};

// What an agent proposes.
struct JitDraft {
  std::string name;  // [a-z][a-z0-9_]{0,63}
  std::string description;
  JitLanguage language = JitLanguage::kPython;
  std::string source;
  JsonValue input_schema;  // null: any arguments
  std::vector<JitTest> tests;
  std::vector<std::string> requested_capabilities;  // anything in it is refused
};

struct JitCandidate {
  std::string id;  // "jitc_1", counted in each session
  JitDraft draft;
};

}  // namespace writ

#endif  // WRIT_BROKER_JIT_JIT_CANDIDATE_H_
