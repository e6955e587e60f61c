// The forms in which a secret is looked for in outputs. Pure.
#ifndef WRIT_LAUNCHER_SECRET_FORMS_H_
#define WRIT_LAUNCHER_SECRET_FORMS_H_

#include <string>
#include <string_view>
#include <vector>

namespace writ {

// Itself; each of its lines of at least eight bytes; base64 in both alphabets, without padding, at each of the three
// places that it can have in a longer text, and cut into lines of 64 and 76; URL-encoded; JSON-escaped; as Writ's
// reports escape bytes. Sorted, each once, none shorter than four bytes.
[[nodiscard]] std::vector<std::string> secret_forms(std::string_view secret);

}  // namespace writ

#endif  // WRIT_LAUNCHER_SECRET_FORMS_H_
