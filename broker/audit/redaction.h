// Redactor: takes secrets out of texts before they are recorded. What counts as a secret is a documented list
// (docs/audit.md), kept in two tables: shapes of tokens, and names whose values are secrets. Each secret is replaced by
//
//   [redacted:<rule>:<8 hexadecimal digits>]
//
// The digits begin a keyed hash: equal secrets can be recognised, and without the installation's key nobody can try out
// guesses. A list cannot know every secret: it is a net under a habit of not passing secrets in arguments.
//
// Pure; any thread.
#ifndef WRIT_BROKER_AUDIT_REDACTION_H_
#define WRIT_BROKER_AUDIT_REDACTION_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit/audit_crypto.h"

namespace writ {

class Redactor {
 public:
  explicit Redactor(SecretKey key) : key_(std::move(key)) {}

  // False where `text` holds nothing to redact; otherwise `out` becomes the text without it.
  [[nodiscard]] bool redact(std::string_view text, std::string& out) const;

  // The arguments of a command, where a name can be one argument and its value the next; and the first one may say what
  // a short option means.
  [[nodiscard]] std::vector<std::string> redact_arguments(std::span<const std::string> argv) const;

  // "[redacted:<rule>:…]" for `secret`.
  [[nodiscard]] std::string mark(std::string_view rule, std::string_view secret) const;

  // What the digits of mark() are the beginning of.
  [[nodiscard]] Sha256Digest hash(std::string_view bytes) const { return keyed_hash(key_, bytes); }

 private:
  [[nodiscard]] std::string redacted(std::string_view text) const;
  SecretKey key_;
};

// True for a name like API_TOKEN, --password, client-secret or dbPassword; false for token_limit, --password-file.
[[nodiscard]] bool has_secret_value(std::string_view name);

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_REDACTION_H_
