// JitRegistry: the tools that one session has made: proposed → validated → registered. They live as long as the
// session, are seen by nobody else, and never take the name of a tool that there is.
//
// Ownership: owns the candidates; the pointers that it returns are valid as long as it lives. Pure; one thread at a
// time. The runner of validate() may use the registry.
#ifndef WRIT_BROKER_JIT_JIT_REGISTRY_H_
#define WRIT_BROKER_JIT_JIT_REGISTRY_H_

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "broker/jit/jit_candidate.h"

namespace writ {

enum class JitProblem : std::uint8_t {
  kInvalid,       // check_jit_draft()
  kTooMany,       // candidates in this session
  kUnknown,       // no such candidate
  kNotValidated,  // only what was tried out can be registered
  kTaken,         // there is a tool of that name
};

struct JitRefusal {
  JitProblem problem = JitProblem::kInvalid;
  std::string why;
};

template <class T>
using JitResult = tl::expected<T, JitRefusal>;

// Runs a candidate once, with arguments that its schema has, and gives what it returned, or in a sentence why it
// returned nothing.
using JitRunner = std::function<tl::expected<JsonValue, std::string>(const JitCandidate&, const JsonObject&)>;

struct JitValidation {
  bool valid = false;
  std::vector<std::string> problems;  // one of each test that failed
};

class JitRegistry {
 public:
  // Stores a candidate. Errors: kInvalid, kTooMany.
  [[nodiscard]] JitResult<const JitCandidate*> propose(JitDraft draft);

  // Runs the tests. One test at least is needed: without any, nothing is known. A candidate that fails loses an earlier
  // validation, but stays registered if it was. Errors: kUnknown.
  [[nodiscard]] JitResult<JitValidation> validate(std::string_view id, const JitRunner& run);

  // Makes it a tool of this session. `is_taken` says which names there are beside those of this registry. Registering
  // twice is kTaken. Errors: kUnknown, kNotValidated, kTaken.
  [[nodiscard]] JitResult<const JitCandidate*> register_tool(std::string_view id,
                                                             const std::function<bool(std::string_view)>& is_taken);

  // nullptr: there is none.
  [[nodiscard]] const JitCandidate* candidate(std::string_view id) const;
  [[nodiscard]] const JitCandidate* tool(std::string_view name) const;
  // In the order of their registration.
  [[nodiscard]] std::vector<const JitCandidate*> tools() const;

 private:
  enum class Validation : std::uint8_t { kNone, kPassed };
  struct Entry {
    JitCandidate candidate;
    Validation validation = Validation::kNone;
  };
  [[nodiscard]] Entry* entry(std::string_view id);

  std::deque<Entry> entries_;  // never moved
  std::vector<const JitCandidate*> tools_;
};

}  // namespace writ

#endif  // WRIT_BROKER_JIT_JIT_REGISTRY_H_
