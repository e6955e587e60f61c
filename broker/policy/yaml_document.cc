#include "broker/policy/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/printable.h"
#include "broker/policy/yaml_simple.h"

namespace writ {
namespace {

// A message shows at most this much of a source line, on each side of the caret.
constexpr std::size_t kShownContext = 60;

struct Flaw {
  std::size_t offset;
  std::string message;
};

std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte >= 0xF0) return 4;
  if (byte >= 0xE0) return 3;
  return byte >= 0xC0 ? 2 : 1;
}

std::optional<Flaw> flaw_of_character(std::string_view character, std::size_t offset) {
  if (!is_valid_utf8(character)) return Flaw{offset, "this is not valid UTF-8"};
  const std::string shown = escape_bytes(character);
  // escape_bytes() leaves harmless characters alone; what it rewrites would mislead the reader of a policy.
  if (shown != character) return Flaw{offset, "the invisible or direction-changing character " + shown + " is refused"};
  return std::nullopt;
}

std::optional<Flaw> flaw_of_control(char c, std::size_t offset) {
  if (c == '\0') return Flaw{offset, "a NUL byte is refused"};
  return Flaw{offset, "the control character " + escape_bytes({&c, 1}) + " is refused"};
}

// Finds the first character that no text of a profile may hold. Line feeds and tabs pass.
std::optional<Flaw> find_flaw(std::string_view text) {
  if (is_printable_ascii(text)) return std::nullopt;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x80) {
      const std::string_view character = text.substr(i, utf8_length(text[i]));
      if (auto flaw = flaw_of_character(character, i)) return flaw;
      i += character.size();
      continue;
    }
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) return flaw_of_control(text[i], i);
    ++i;
  }
  return std::nullopt;
}

// yaml-cpp takes some tabs as indentation and obeys directives; neither has a place in a profile.
std::optional<Flaw> find_flaw_in_line(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (auto flaw = find_flaw(line)) return flaw;
  if (!line.empty() && line.front() == '%') return Flaw{0, "YAML directives (%YAML, %TAG) are refused"};
  const std::size_t indentation = line.find_first_not_of(' ');
  if (indentation != std::string_view::npos && line[indentation] == '\t')
    return Flaw{indentation, "a tab in the indentation is refused: indent with spaces"};
  return std::nullopt;
}

std::string_view byte_order_mark_message(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF"))
    return "the file starts with a byte order mark: save it as UTF-8 without a byte order mark (BOM)";
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return "the file is UTF-16: save it as UTF-8 without a byte order mark (BOM)";
  return {};
}

// yaml-cpp reads to the end of a flow collection before it reports its start, so that the limits of TreeBuilder come
// late for `[[[[…`. Each collection and each item of it is a value, which makes this count a lower bound of the nodes
// (brackets and commas in comments and quotes count too, at most some thousands in any text that people write).
Status check_flow_size(const YamlDocument& document) {
  if (document.text.size() <= kYamlNodeLimit) return {};  // as most are
  const auto count = std::count_if(document.text.begin(), document.text.end(),
                                   [](char c) { return c == '[' || c == '{' || c == ','; });
  if (static_cast<std::size_t>(count) <= kYamlNodeLimit) return {};
  return fail_at(document, {1, 1}, "the file has too many values (limit 20000)");
}

// Checks the raw bytes. Necessary before yaml-cpp sees them: it guesses encodings and takes the byte 0x04 for the end
// of the file, so that rules after it would vanish.
Status check_bytes(const YamlDocument& document) {
  if (const std::string_view message = byte_order_mark_message(document.text); !message.empty())
    return fail_at(document, {1, 1}, message);
  std::string_view rest = document.text;
  for (std::uint32_t line_number = 1; !rest.empty(); ++line_number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (const auto flaw = find_flaw_in_line(line))
      return fail_at(document, {line_number, static_cast<std::uint32_t>(flaw->offset + 1)}, flaw->message);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return {};
}

// A stream over bytes that are owned elsewhere, without the white space at their end: yaml-cpp notices that a quotation
// mark was never closed only when the file does not end in a line break. Otherwise the rest of a policy would silently
// become part of one string.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(std::string& text) {
    const std::size_t last = text.find_last_not_of(" \t\r\n");
    const std::size_t size = last == std::string::npos ? 0 : last + 1;
    setg(text.data(), text.data(), text.data() + size);
  }
};

YamlPosition position_of(const YAML::Mark& mark) {
  if (mark.line < 0 || mark.column < 0) return {};
  return {static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1};
}

// How the event handler stops yaml-cpp; never leaves this file.
struct Rejection {
  YamlPosition position;
  std::string message;
};

// Returns the first entry whose key an earlier entry has too.
const YamlNode* find_duplicate(const YamlNode& mapping) {
  std::vector<const YamlNode*> entries;
  entries.reserve(mapping.children.size());
  for (const YamlNode& entry : mapping.children) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(),
                   [](const YamlNode* a, const YamlNode* b) { return a->key < b->key; });
  const auto same = std::adjacent_find(entries.begin(), entries.end(),
                                       [](const YamlNode* a, const YamlNode* b) { return a->key == b->key; });
  return same == entries.end() ? nullptr : *std::next(same);
}

// Turns parser events into our tree and stops at the first thing that a profile may not contain. Working on events (and
// not on YAML::Node) sees anchors, tags and duplicate keys before anything is expanded or dropped.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const YamlDocument& document) : document_(document) {}

  [[nodiscard]] YamlNode take_root() { return std::move(root_); }
  [[nodiscard]] bool has_document() const { return has_document_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_document_)
      throw Rejection{position_of(mark), "a second document or stray content: a profile is one YAML document"};
    has_document_ = true;
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    throw Rejection{position_of(mark), "the anchor " + quote_bytes("&" + name) + " is refused: write the value out"};
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Rejection{position_of(mark), "an alias (*name) is refused: write the value out"};
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(make_node(YamlKind::kNull, mark, "")); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    YamlNode node = make_node(YamlKind::kScalar, mark, tag);
    node.quoting = tag == "!" ? YamlQuoting::kQuoted : YamlQuoting::kPlain;
    node.text = value;
    // Only escapes in double quotes can spell what the check of the raw bytes did not see.
    if (node.quoting == YamlQuoting::kQuoted)
      if (const auto flaw = find_flaw(value)) throw Rejection{node.position, flaw->message};
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(make_node(YamlKind::kSequence, mark, tag));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(make_node(YamlKind::kMapping, mark, tag));
  }
  void OnMapEnd() override {
    if (const YamlNode* duplicate = find_duplicate(open_.back().node))
      throw Rejection{duplicate->key_position, "duplicate key " + quote_bytes(duplicate->key)};
    close();
  }

 private:
  struct OpenNode {
    YamlNode node;
    bool key_is_known = false;  // of a mapping: the next event is the value of `key`
    std::string key;
    YamlPosition key_position;
  };

  // yaml-cpp marks untagged plain scalars "?", quoted ones "!" and untagged collections "" or "?". It also says "!" for
  // `! text`; the source shows the difference.
  [[nodiscard]] bool is_tagged(const YAML::Mark& mark, const std::string& tag) const {
    const auto offset = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (offset < document_.text.size() && document_.text[offset] == '!') return true;
    return !tag.empty() && tag != "?" && tag != "!";
  }

  YamlNode make_node(YamlKind kind, const YAML::Mark& mark, const std::string& tag) {
    YamlNode node;
    node.kind = kind;
    node.position = position_of(mark);
    if (is_tagged(mark, tag))
      throw Rejection{node.position, "a tag (!name) is refused: profiles know only plain values"};
    if (++node_count_ > kYamlNodeLimit) throw Rejection{node.position, "the file has too many values (limit 20000)"};
    return node;
  }

  void open(YamlNode node) {
    if (open_.size() >= kYamlDepthLimit) throw Rejection{node.position, "the nesting is too deep (limit 32)"};
    if (expects_key()) throw Rejection{node.position, "a key must be a plain word"};
    open_.push_back({std::move(node), false, {}, {}});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (expects_key()) {
      take_key(std::move(node));
    } else {
      take_value(std::move(node));
    }
  }

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == YamlKind::kMapping && !open_.back().key_is_known;
  }

  void take_key(YamlNode key) {
    if (key.kind != YamlKind::kScalar) throw Rejection{key.position, "a key must be a plain word"};
    if (key.text == "<<") throw Rejection{key.position, "merge keys (<<) are refused: use 'extends'"};
    OpenNode& mapping = open_.back();
    mapping.key = std::move(key.text);
    mapping.key_position = key.position;
    mapping.key_is_known = true;
  }

  void take_value(YamlNode value) {
    OpenNode& parent = open_.back();
    value.key = std::exchange(parent.key, {});
    value.key_position = parent.key_position;
    parent.key_is_known = false;
    parent.node.children.push_back(std::move(value));
  }

  const YamlDocument& document_;
  std::vector<OpenNode> open_;
  YamlNode root_;
  std::size_t node_count_ = 0;
  bool has_document_ = false;
};

// Runs yaml-cpp. The one place of Writ where its exceptions, and our own Rejection, end.
Status build_tree(YamlDocument& document) {
  try {
    TextBuffer buffer(document.text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    TreeBuilder builder(document);
    while (parser.HandleNextDocument(builder)) continue;
    if (!builder.has_document()) return fail_at(document, {1, 1}, "the file is empty");
    document.root = builder.take_root();
    return {};
  } catch (const Rejection& rejection) {
    return fail_at(document, rejection.position, rejection.message);
  } catch (const YAML::Exception& error) {
    return fail_at(document, position_of(error.mark), "not valid YAML: " + escape_bytes(error.msg));
  } catch (const std::exception& error) {
    return fail_at(document, {1, 1}, "cannot be parsed: " + escape_bytes(error.what()));
  }
}

std::string_view line_at(std::string_view text, std::uint32_t line_number) {
  for (std::uint32_t line = 1; line < line_number; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string_view line = text.substr(0, text.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

// The source line and a caret under `column`, both indented; long lines are cut around the caret.
std::string source_excerpt(std::string_view line, YamlPosition position) {
  const std::size_t caret = std::min<std::size_t>(position.column - 1, line.size());
  const std::size_t start = caret > kShownContext ? caret - kShownContext : 0;
  const std::string before = escape_bytes(line.substr(start, caret - start));
  const std::string after = escape_bytes(line.substr(caret, kShownContext));
  const std::string number = std::to_string(position.line);
  std::string excerpt = "\n  " + number + " | " + before + after;
  excerpt += "\n  " + std::string(number.size(), ' ') + " | " + std::string(count_characters(before), ' ') + "^";
  return excerpt;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view wanted) const {
  for (const YamlNode& child : children)
    if (child.key == wanted) return &child;
  return nullptr;
}

Result<YamlDocument> parse_yaml(std::string_view display_name, std::string_view text, YamlReader reader) {
  if (text.size() > kYamlSizeLimit)
    return fail(escape_bytes(display_name) + ": the file is larger than 256 KiB", "a profile is a few kilobytes");
  YamlDocument document{std::string(display_name), std::string(text), {}};
  WRIT_TRY(check_bytes(document));
  WRIT_TRY(check_flow_size(document));
  if (reader == YamlReader::kFastest) {
    if (std::optional<YamlNode> root = read_simple_yaml(document.text)) {
      document.root = std::move(*root);
      return document;
    }
  }
  WRIT_TRY(build_tree(document));
  if (document.root.kind == YamlKind::kNull) return fail_at(document, {1, 1}, "the file is empty");
  return document;
}

tl::unexpected<Error> fail_at(const YamlDocument& document, YamlPosition position, std::string_view message) {
  std::string what = escape_bytes(document.display_name);
  what.append(":").append(std::to_string(position.line)).append(":").append(std::to_string(position.column));
  what.append(": ").append(message);
  return fail(what + source_excerpt(line_at(document.text, position.line), position));
}

}  // namespace writ
