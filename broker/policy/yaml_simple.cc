#include "broker/policy/yaml_simple.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace writ {
namespace {

// Far above what people write; longer files go the long way, with its limits.
constexpr std::size_t kSizeLimit = 64 * 1024;
constexpr int kSimpleDepthLimit = 8;
// Duplicate keys are looked for one by one.
constexpr std::size_t kKeyLimit = 256;
// {path: …, optional: …}
constexpr std::size_t kUsualEntries = 2;

enum class Context : std::uint8_t { kBlock, kFlow };

// A set of ASCII characters, asked for every byte of every profile.
class CharacterSet {
 public:
  explicit constexpr CharacterSet(std::string_view characters) {
    for (const char c : characters) has_[static_cast<unsigned char>(c)] = true;
  }
  [[nodiscard]] constexpr bool has(char c) const { return has_[static_cast<unsigned char>(c)]; }

 private:
  std::array<bool, 256> has_{};
};

#define WRIT_WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
constexpr CharacterSet kKeyCharacters(WRIT_WORD_CHARACTERS ".-");
constexpr CharacterSet kPlainStarts(WRIT_WORD_CHARACTERS "/.~$");
// Characters with no meaning of their own wherever they stand inside of a plain scalar.
constexpr CharacterSet kFlowPlain(WRIT_WORD_CHARACTERS "/.~$+=-*");
constexpr CharacterSet kBlockPlain(WRIT_WORD_CHARACTERS "/.~$+=-* {},;()");
#undef WRIT_WORD_CHARACTERS

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

bool is_plain_character(char c, Context context) {
  return context == Context::kBlock ? kBlockPlain.has(c) : kFlowPlain.has(c);
}

bool is_null_word(std::string_view text) {
  constexpr std::array<std::string_view, 5> kWords = {"", "~", "null", "Null", "NULL"};
  return std::find(kWords.begin(), kWords.end(), text) != kWords.end();
}

// One line without its indentation; never empty and never only a comment.
struct Line {
  std::uint32_t number;
  std::uint32_t indentation;
  std::string_view content;
};

std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  lines.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1);
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t start = line.find_first_not_of(' ');
    if (start == std::string_view::npos || line[start] == '#') continue;
    lines.push_back({number, static_cast<std::uint32_t>(start), line.substr(start)});
  }
  return lines;
}

// Reads the part of one line behind a key or a dash. Every function returns false to give up.
class ValueReader {
 public:
  // `column` counts from 1 and belongs to the first byte of `rest`.
  ValueReader(std::uint32_t line, std::uint32_t column, std::string_view rest)
      : line_(line), column_(column), rest_(rest) {}

  // A value, then nothing but blanks or a comment.
  bool read_to_end(YamlNode& node) { return read_value(node, Context::kBlock, 0) && is_at_end(); }

  // Reads "key:" and the blanks behind it. `node` gets the key.
  bool read_key(YamlNode& node) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), [](char c) { return kKeyCharacters.has(c); });
    const auto length = static_cast<std::size_t>(end - rest_.begin());
    const std::string_view key = rest_.substr(0, length);
    // "." and "-" are no start of a key here: "..." ends a document, "---" starts one.
    if (is_null_word(key) || key.front() == '.' || key.front() == '-' || end == rest_.end() || *end != ':')
      return false;
    node.key = key;
    node.key_position = position();
    advance(length + 1);
    if (!rest_.empty() && rest_.front() != ' ') return false;
    skip_blanks();
    return true;
  }

  // Passes a dash and the blanks behind it.
  bool skip_dash() {
    if (!rest_.starts_with("- ")) return false;
    advance(1);
    skip_blanks();
    return true;
  }

  // True when only a comment, or nothing, is left. A comment needs a blank before it, which the caller has passed.
  [[nodiscard]] bool is_at_end() {
    const bool after_blank = skip_blanks();
    return rest_.empty() || (after_blank && rest_.front() == '#');
  }

  [[nodiscard]] bool is_empty() const { return rest_.empty() || rest_.front() == '#'; }

 private:
  [[nodiscard]] YamlPosition position() const { return {line_, column_}; }

  void advance(std::size_t count) {
    rest_.remove_prefix(count);
    column_ += static_cast<std::uint32_t>(count);
  }

  bool skip_blanks() {
    const std::size_t count = std::min(rest_.find_first_not_of(' '), rest_.size());
    advance(count);
    return count > 0;
  }

  bool read_value(YamlNode& node, Context context, int depth) {
    if (rest_.empty() || depth > kSimpleDepthLimit) return false;
    node.position = position();
    switch (rest_.front()) {
      case '\'':
        return read_quoted(node);
      case '[':
        return read_flow(node, YamlKind::kSequence, depth);
      case '{':
        return read_flow(node, YamlKind::kMapping, depth);
      default:
        return read_plain(node, context);
    }
  }

  // 'text' without an inner quotation mark.
  bool read_quoted(YamlNode& node) {
    const std::size_t end = rest_.find('\'', 1);
    if (end == std::string_view::npos) return false;
    const std::string_view text = rest_.substr(1, end - 1);
    const bool is_ascii = std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
    advance(end + 1);
    const bool is_closed = rest_.empty() || is_one_of(rest_.front(), " ,]}");
    if (!is_ascii || !is_closed) return false;
    node.kind = YamlKind::kScalar;
    node.quoting = YamlQuoting::kQuoted;
    node.text = text;
    return true;
  }

  bool read_plain(YamlNode& node, Context context) {
    if (!kPlainStarts.has(rest_.front())) return false;
    std::size_t length = 0;
    while (length < rest_.size() && continues_plain(length, context)) ++length;
    // Trailing blanks, and those before a comment, are not part of the text.
    const std::string_view text = rest_.substr(0, rest_.substr(0, length).find_last_not_of(' ') + 1);
    if (is_null_word(text)) return false;
    advance(text.size());
    node.kind = YamlKind::kScalar;
    node.text = text;
    return true;
  }

  // A colon is plain in front of a slash (PATH lists, URLs).
  [[nodiscard]] bool continues_plain(std::size_t at, Context context) const {
    if (rest_[at] != ':') return is_plain_character(rest_[at], context);
    return context == Context::kBlock && at + 1 < rest_.size() && rest_[at + 1] == '/';
  }

  // [a, b] or {k: v, …}, on one line.
  bool read_flow(YamlNode& node, YamlKind kind, int depth) {
    const char close = kind == YamlKind::kSequence ? ']' : '}';
    node.kind = kind;
    advance(1);
    skip_blanks();
    node.children.reserve(kUsualEntries);
    if (rest_.starts_with(close)) return finish_flow();
    while (true) {
      if (!read_flow_entry(node, depth)) return false;
      skip_blanks();
      if (rest_.starts_with(close)) return finish_flow();
      if (!rest_.starts_with(',')) return false;
      advance(1);
      skip_blanks();
    }
  }

  bool finish_flow() {
    advance(1);
    return rest_.empty() || is_one_of(rest_.front(), " ,]}");
  }

  bool read_flow_entry(YamlNode& parent, int depth) {
    YamlNode entry;
    if (parent.kind == YamlKind::kMapping && (!read_key(entry) || parent.find(entry.key) != nullptr)) return false;
    if (!read_value(entry, Context::kFlow, depth + 1)) return false;
    parent.children.push_back(std::move(entry));
    return parent.children.size() <= kKeyLimit || parent.kind == YamlKind::kSequence;
  }

  std::uint32_t line_;
  std::uint32_t column_;
  std::string_view rest_;
};

// Reads blocks: lines of the same indentation, each an entry of one sequence or mapping.
class BlockReader {
 public:
  explicit BlockReader(std::string_view text) : lines_(split_lines(text)) {}

  std::optional<YamlNode> read_document() {
    YamlNode root;
    if (lines_.empty() || lines_.front().indentation != 0) return std::nullopt;
    if (!read_block(root, 0) || next_ != lines_.size()) return std::nullopt;
    return root;
  }

 private:
  [[nodiscard]] const Line* peek() const { return next_ < lines_.size() ? &lines_[next_] : nullptr; }

  // Reads every line that is indented like the next one; stops at one that is indented less.
  bool read_block(YamlNode& block, int depth) {
    const Line first = lines_[next_];
    block.kind = first.content.starts_with("- ") ? YamlKind::kSequence : YamlKind::kMapping;
    block.position = {first.number, first.indentation + 1};
    if (depth > kSimpleDepthLimit) return false;
    block.children.reserve(count_entries(first.indentation));
    while (const Line* line = peek()) {
      if (line->indentation < first.indentation) return true;
      if (line->indentation > first.indentation) return false;  // continues a text, or a mistake
      YamlNode entry;
      ++next_;
      const bool read =
          block.kind == YamlKind::kSequence ? read_item(*line, entry) : read_entry(*line, block, entry, depth);
      if (!read) return false;
      block.children.push_back(std::move(entry));
    }
    return true;
  }

  // Moving nodes as a list grows would cost more than counting first.
  [[nodiscard]] std::size_t count_entries(std::uint32_t indentation) const {
    std::size_t count = 0;
    for (std::size_t i = next_; i < lines_.size() && lines_[i].indentation >= indentation; ++i)
      if (lines_[i].indentation == indentation) ++count;
    return count;
  }

  static bool read_item(const Line& line, YamlNode& item) {
    ValueReader reader(line.number, line.indentation + 1, line.content);
    return reader.skip_dash() && reader.read_to_end(item);
  }

  bool read_entry(const Line& line, const YamlNode& mapping, YamlNode& entry, int depth) {
    ValueReader reader(line.number, line.indentation + 1, line.content);
    if (!reader.read_key(entry)) return false;
    if (mapping.children.size() >= kKeyLimit || mapping.find(entry.key) != nullptr) return false;
    if (!reader.is_empty()) return reader.read_to_end(entry);
    const Line* below = peek();
    if (below == nullptr || below->indentation <= line.indentation) return false;  // no value
    return read_block(entry, depth + 1);
  }

  std::vector<Line> lines_;
  std::size_t next_ = 0;
};

}  // namespace

std::optional<YamlNode> read_simple_yaml(std::string_view text) {
  if (text.size() > kSizeLimit) return std::nullopt;
  // One fast search each: find_first_of() would look at every byte for itself.
  for (const char unknown : {'\r', '"', '\t'})
    if (text.find(unknown) != std::string_view::npos) return std::nullopt;
  return BlockReader(text).read_document();
}

}  // namespace writ
