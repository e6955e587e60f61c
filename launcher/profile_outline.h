// ProfileOutline: a resolved profile as the entries of one YAML file without `extends` and variables. What `show
// --resolved` prints and what `diff` compares. Pure; any thread.
#ifndef WRIT_LAUNCHER_PROFILE_OUTLINE_H_
#define WRIT_LAUNCHER_PROFILE_OUTLINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "broker/policy/profile.h"
#include "broker/policy/profile_loader.h"

namespace writ {

// One line: "- value" in the list `section`, or "key: value" in the mapping `section` ("" is the top of the file).
struct OutlineEntry {
  std::string section;  // "filesystem.read", "limits"
  std::string key;      // empty: an item of a list
  std::string value;    // YAML on one line
  std::string subject;  // of a list item: the text that names it (a path, a name), not quoted
  RuleOrigin origin;    // line 0: not known here
};

// Who the profile was resolved for: what must not be written into it again as if somebody had named it.
struct OutlineContext {
  std::string workspace;             // granting it is not naming it: stays a variable
  std::vector<std::string> secrets;  // hidden in every profile without being written
};

// The context that a profile was loaded in.
[[nodiscard]] OutlineContext outline_context(const ProfileContext& context);

// Every entry, also of those that have their default, in the order of the file. Reading them again as a profile gives
// the same policy.
[[nodiscard]] std::vector<OutlineEntry> outline_profile(const Profile& profile, const OutlineContext& context);

// Returns the entries as YAML. `comment(entry)` gives what is written behind an entry as a comment, may be empty.
template <class Comment>
[[nodiscard]] std::string outline_yaml(const std::vector<OutlineEntry>& entries, Comment comment);

// The lines of the file, one for each entry, with the headings between them.
class OutlineWriter {
 public:
  void add(const OutlineEntry& entry, std::string_view comment);
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void open_section(const std::string& section);

  std::string text_;
  std::string section_;
};

template <class Comment>
std::string outline_yaml(const std::vector<OutlineEntry>& entries, Comment comment) {
  OutlineWriter writer;
  for (const OutlineEntry& entry : entries) writer.add(entry, comment(entry));
  return writer.take();
}

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_OUTLINE_H_
