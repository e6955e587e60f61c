// Error and Result: how every module of Writ reports failure. No exception crosses a module border.
#ifndef WRIT_BROKER_BASE_ERROR_H_
#define WRIT_BROKER_BASE_ERROR_H_

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace writ {

// What went wrong, said once, where it was noticed. `describe()` makes the sentence a person reads:
//   "cannot mount the private /proc: Operation not permitted (hint: …)"
struct Error {
  std::string what;      // the action that failed or the rule that was broken, with its subject already escaped
  int system_errno = 0;  // the kernel's reason, 0 when there is none
  std::string hint;      // what the reader can do about it; may be empty

  // Returns "what: strerror(system_errno)" plus " (hint: …)" where there is one.
  [[nodiscard]] std::string describe() const;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// Makes a failed Result. `subject` texts that came from outside must be passed through escape_bytes() first.
[[nodiscard]] inline tl::unexpected<Error> fail(std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(Error{std::move(what), 0, std::move(hint)});
}

// The same for a failed system call; `system_errno` is the positive errno of errno(3).
[[nodiscard]] inline tl::unexpected<Error> fail_errno(int system_errno, std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(Error{std::move(what), system_errno, std::move(hint)});
}

}  // namespace writ

// Passes a failed Result on to the caller.
#define WRIT_TRY(expression)                                                    \
  do {                                                                          \
    if (auto writ_try_status = (expression); !writ_try_status)                  \
      return tl::unexpected<::writ::Error>(std::move(writ_try_status.error())); \
  } while (false)

#define WRIT_CONCAT_INNER(a, b) a##b
#define WRIT_CONCAT(a, b) WRIT_CONCAT_INNER(a, b)

// `WRIT_ASSIGN(auto x, f())`: x gets the value, or the error is passed on to the caller.
#define WRIT_ASSIGN(declaration, expression) \
  WRIT_ASSIGN_INNER(WRIT_CONCAT(writ_assign_, __LINE__), declaration, expression)
#define WRIT_ASSIGN_INNER(temporary, declaration, expression)                         \
  auto temporary = (expression);                                                      \
  if (!temporary) return tl::unexpected<::writ::Error>(std::move(temporary.error())); \
  declaration = std::move(*temporary)

#endif  // WRIT_BROKER_BASE_ERROR_H_
