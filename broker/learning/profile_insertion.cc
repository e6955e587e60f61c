#include "broker/learning/profile_insertion.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "broker/learning/profile_text.h"
#include "broker/policy/yaml_document.h"

namespace writ {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return lines;
}

std::size_t indent_of(const std::string& line) { return line.find_first_not_of(' '); }

bool says_something(const std::string& line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  return first != std::string::npos && line[first] != '#';
}

// One profile while things are put into it.
class Insertion {
 public:
  Insertion(std::string display_name, const std::string& text, std::string_view mark)
      : display_name_(std::move(display_name)), lines_(lines_of(text)), mark_(mark) {}

  Status add(PathAccess access, const Proposal& proposal, const LearningPlaces& places) {
    const std::string_view key = access == PathAccess::kWrite ? "write" : "read";
    if (grant_lines(proposal, places, access, 0).empty()) return {};
    WRIT_ASSIGN(const YamlDocument document, parse_yaml(display_name_, text()));
    const YamlNode* filesystem = document.root.find("filesystem");
    if (filesystem == nullptr) return append_section(key, grant_lines(proposal, places, access, 4));
    WRIT_TRY(expect_block(document, *filesystem));
    const YamlNode* list = filesystem->find(key);
    const std::size_t inner = filesystem->children.front().key_position.column - 1;
    if (list == nullptr) {
      const std::string margin(inner, ' ');
      insert_at(filesystem->key_position.line, margin + std::string(key) + ":\n" +
                                                   marked(grant_lines(proposal, places, access, inner + 2), inner + 2));
      return {};
    }
    if (list->children.empty()) return refuse(document, *list);
    const std::size_t dash = indent_of(line_of(list->children.front()));
    if (line_of(list->children.front()).substr(dash, 2) != "- ") return refuse(document, *list);
    insert_at(end_of_item(list->children.back(), dash), marked(grant_lines(proposal, places, access, dash), dash));
    return {};
  }

  void append(const std::string& more) {
    for (std::string& line : lines_of(more)) lines_.push_back(std::move(line));
  }

  [[nodiscard]] std::string text() const {
    std::string text;
    for (const std::string& line : lines_) text.append(line).append("\n");
    return text;
  }

 private:
  [[nodiscard]] const std::string& line_of(const YamlNode& node) const { return lines_[node.position.line - 1]; }

  [[nodiscard]] static tl::unexpected<Error> refuse(const YamlDocument& document, const YamlNode& node) {
    return fail_at(document, node.key_position,
                   "cannot add to a list that is not written with one '- ' line for each entry; write it so");
  }

  Status expect_block(const YamlDocument& document, const YamlNode& mapping) const {
    const bool block =
        !mapping.children.empty() && mapping.children.front().key_position.line > mapping.key_position.line;
    if (block) return {};
    return refuse(document, mapping);
  }

  // The number of lines up to the end of the list's last item: what is indented deeper than its dash belongs to it.
  [[nodiscard]] std::size_t end_of_item(const YamlNode& item, std::size_t dash) const {
    std::size_t end = item.position.line;
    for (std::size_t line = end; line < lines_.size(); ++line) {
      if (!says_something(lines_[line])) continue;
      if (indent_of(lines_[line]) <= dash) break;
      end = line + 1;
    }
    return end;
  }

  [[nodiscard]] std::string marked(const std::string& entries, std::size_t indent) const {
    const std::string margin(indent, ' ');
    return margin + "# --- added " + mark_ + "\n" + entries + margin + "# --- end of what was added\n";
  }

  void insert_at(std::size_t after_line, const std::string& more) {
    std::vector<std::string> added = lines_of(more);
    lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(after_line), std::make_move_iterator(added.begin()),
                  std::make_move_iterator(added.end()));
  }

  Status append_section(std::string_view key, const std::string& entries) {
    append("\nfilesystem:\n  " + std::string(key) + ":\n" + marked(entries, 4));
    return {};
  }

  std::string display_name_;
  std::vector<std::string> lines_;
  std::string mark_;
};

}  // namespace

Result<std::string> insert_into_profile(const std::string& display_name, const std::string& text,
                                        const Proposal& proposal, const LearningPlaces& places, std::string_view mark) {
  Insertion insertion(display_name, text, mark);
  const std::string wanted = suggestion_lines(proposal, places, text);
  if (proposal.rules.empty() && wanted.empty()) return text;
  WRIT_TRY(insertion.add(PathAccess::kRead, proposal, places));
  WRIT_TRY(insertion.add(PathAccess::kWrite, proposal, places));
  if (!wanted.empty()) insertion.append("\n# --- added " + std::string(mark) + "\n" + wanted);
  return insertion.text();
}

}  // namespace writ
