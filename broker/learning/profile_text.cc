#include "broker/learning/profile_text.h"

#include <algorithm>
#include <array>
#include <bit>

#include "broker/base/escape.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/secrets.h"
#include "broker/policy/yaml_document.h"

namespace writ {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '/' || c == '+' || c == '-' || c == '~';
}

// A dollar sign in a name is no variable. Only spelled() writes one that is, and only in the first place.
std::string with_dollars_doubled(std::string_view spelled) {
  constexpr std::string_view kWorkspace = "${workspace}";
  std::string text;
  if (spelled.starts_with(kWorkspace)) {
    text = kWorkspace;
    spelled.remove_prefix(kWorkspace.size());
  }
  for (const char c : spelled) text.append(c == '$' ? 2 : 1, c);
  return text;
}

std::string shown(const LearningPlaces& places, const std::string& path) {
  return escape_bytes(places.spelled(path), kShownPath);
}

std::string_view kind_title(SuggestionKind kind) {
  constexpr std::array<std::string_view, kSuggestionKinds> kTitles = {
      "Secrets that the program asked for. Nothing but naming such a path exactly shows it:",
      "Writing outside of the workspace, which did not happen. In the home the sandbox has a private directory that "
      "takes\n"
      "# it and is gone afterwards; a line here would let changes reach your own files:",
      "Looked at or listed, and not read. Grant it if the program needs it to be there:",
      "What the profile that this one extends refuses:",
      "More rules than one proposal may have. A directory above some of them may be what you want to grant:",
      "Names that no profile can hold; rename them, or grant a directory above:"};
  return kTitles[static_cast<std::size_t>(kind)];
}

std::string_view section_of(PathAccess access) { return access == PathAccess::kWrite ? "write" : "read"; }

// Twice the peak, up to a power of two: the next run is not the same.
std::uint64_t with_room(std::uint64_t peak) { return std::bit_ceil(peak * 2); }

std::string bytes_with_unit(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = std::uint64_t{1} << 20;
  return std::to_string(std::max<std::uint64_t>(1, (bytes + kMebi - 1) / kMebi)) + "M";
}

void add_limit(std::string& text, std::string_view key, const std::string& value, const std::string& peak) {
  text.append("#   ").append(key).append(": ").append(value).append("  # peak: ").append(peak).append("\n");
}

std::string limit_lines(const ResourcePeaks& peaks) {
  std::string text =
      "# Limits that this run would have kept, with room. Peaks are sampled: a short one may be higher.\n# limits:\n";
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(peaks.wall_time).count();
  add_limit(text, "wall_time",
            std::to_string(with_room(static_cast<std::uint64_t>(std::max<long long>(seconds, 4)))) + "s",
            std::to_string(peaks.wall_time.count()) + "ms");
  if (peaks.processes)
    add_limit(text, "processes", std::to_string(with_room(std::max<std::uint64_t>(*peaks.processes, 8))),
              std::to_string(*peaks.processes));
  if (peaks.open_files)
    add_limit(text, "open_files", std::to_string(with_room(std::max<std::uint64_t>(*peaks.open_files, 32))),
              std::to_string(*peaks.open_files));
  if (peaks.scratch)
    add_limit(text, "tmp_size", bytes_with_unit(with_room(std::max<std::uint64_t>(*peaks.scratch, 8u << 20))),
              std::to_string(*peaks.scratch) + " bytes");
  if (peaks.memory) text += "#   # the largest process used " + bytes_with_unit(*peaks.memory) + " of memory\n";
  return text;
}

std::string filesystem_lines(const Proposal& proposal, const LearningPlaces& places) {
  std::string read = grant_lines(proposal, places, PathAccess::kRead, 4);
  if (proposal.reads_workspace) read = "    - ${workspace}\n" + read;
  const std::string write = grant_lines(proposal, places, PathAccess::kWrite, 4);
  std::string text;
  if (!read.empty()) text.append("  read:\n").append(read);
  if (!write.empty()) text.append("  write:\n").append(write);
  return text.empty() ? text : "\nfilesystem:\n" + text;
}

// The smallest proof that the profile says what was learned: a few things that it must allow, and what it must not.
std::string case_lines(const Proposal& proposal, const LearningPlaces& places) {
  constexpr std::size_t kCases = 3;
  const auto line = [](std::string_view right, const std::string& path, std::string_view expected) {
    return "  - {" + std::string(right) + ": " + yaml_path(path) + ", expect: " + std::string(expected) + "}\n";
  };
  std::string text;
  std::size_t cases = 0;
  for (const ProposedRule& rule : proposal.rules) {
    const std::string used =
        places.spelled(rule.is_tree && rule.used.front() == rule.path ? rule.path : rule.used.front());
    if (++cases > kCases || !is_expressible_path(used)) break;
    text += line(rule.access == PathAccess::kWrite ? "write" : "read", used, "allow");
  }
  for (const std::string& secret : proposal.denied_secrets) text += line("read", places.spelled(secret), "deny");
  return text.empty() ? text : "\ntests:\n" + text;
}

}  // namespace

std::string yaml_path(std::string_view spelled) {
  if (!spelled.empty() && std::all_of(spelled.begin(), spelled.end(), is_plain)) return std::string(spelled);
  std::string text = "\"";
  for (const char c : with_dollars_doubled(spelled)) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

bool is_expressible_path(std::string_view spelled) {
  if (spelled.find_first_of("*?[]") != std::string_view::npos || !is_valid_utf8(spelled)) return false;
  if (std::any_of(spelled.begin(), spelled.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
    return false;
  // The reader of profiles has the last word: it refuses what hides or reorders text on a screen.
  const auto document = parse_yaml("a rule", "a: " + yaml_path(spelled) + "\n");
  return document && document->root.children.size() == 1 &&
         document->root.children.front().text == with_dollars_doubled(spelled);
}

std::string grant_lines(const Proposal& proposal, const LearningPlaces& places, PathAccess access, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string text;
  for (const ProposedRule& rule : proposal.rules) {
    if (rule.access != access) continue;
    text += margin + "# " + rule.because + "\n";
    text += margin + "- {path: " + yaml_path(places.spelled(rule.path)) + ", optional: true}\n";
  }
  return text;
}

std::string suggestion_lines(const Proposal& proposal, const LearningPlaces& places, std::string_view known) {
  std::string text;
  std::optional<SuggestionKind> kind;
  for (const Suggestion& suggestion : proposal.suggestions) {
    const bool sayable = suggestion.kind != SuggestionKind::kInexpressible;
    const std::string path = sayable ? yaml_path(places.spelled(suggestion.path)) : shown(places, suggestion.path);
    if (known.find(path) != std::string_view::npos) continue;
    if (kind != suggestion.kind) text.append("#\n# ").append(kind_title(suggestion.kind)).append("\n");
    kind = suggestion.kind;
    text += "#   " + std::string(section_of(suggestion.access)) + ": - " + path + "   # " + suggestion.because + "\n";
  }
  return text.empty() ? text : "# Wanted and not granted.\n" + text;
}

std::string profile_text(const Proposal& proposal, const LearningPlaces& places, const ProfileTextOptions& options) {
  std::string text =
      "# Learned by `writ learn` from one run of: " + options.command +
      "\n# A proposal: read it before you use it. What this run did not do is not in it.\nversion: 1\nname: " +
      options.name + "\ndescription: Learned from one run\n";
  text +=
      "# Which variables a program reads cannot be seen: it gets those of this profile.\nextends: " + proposal.extends +
      "\n";
  text += filesystem_lines(proposal, places);
  if (proposal.uses_network) text += "\n# The run was given the host's network and used it.\nnetwork: host\n";
  text += case_lines(proposal, places);
  if (const std::string wanted = suggestion_lines(proposal, places, ""); !wanted.empty()) text += "\n" + wanted;
  if (!options.addresses.empty()) text += "\n# Addresses that the program asked for:\n";
  for (const std::string& address : options.addresses) text += "#   " + address + "\n";
  return text + "\n" + limit_lines(options.peaks);
}

}  // namespace writ
