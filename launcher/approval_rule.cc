#include "launcher/approval_rule.h"

#include <cstddef>
#include <span>
#include <variant>

#include "broker/approval/approval_file.h"
#include "broker/base/escape.h"
#include "broker/policy/ip_address.h"
#include "launcher/yaml_text.h"

namespace writ {
namespace {

std::string words_text(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : ", ").append(yaml_text(word));
  return "[" + text + "]";
}

std::span<const std::string> arguments_of(const CommandObject& command) {
  return std::span(command.argv).subspan(command.argv.empty() ? 0 : 1);
}

std::string object_text(const QuestionDraft& draft) {
  if (const auto* command = std::get_if<CommandObject>(&draft.object))
    return "program: " + yaml_text(command->program) + ", exact: " + words_text(arguments_of(*command));
  const char* key = std::holds_alternative<PathObject>(draft.object) ? ", path: " : ", address: ";
  return "rights: [" + rights_text(draft.rights) + "]" + key + yaml_text(object_bytes(draft.object));
}

bool is_text(const ApprovalObject& object) {
  if (!is_valid_utf8(object_bytes(object))) return false;
  const auto* command = std::get_if<CommandObject>(&object);
  if (command == nullptr) return true;
  for (const std::string& word : command->argv)
    if (!is_valid_utf8(word)) return false;
  return true;
}

struct ExactlyThis {
  const ApprovalEntry& entry;

  bool operator()(const PathObject& object) const {
    const auto* pattern = std::get_if<PathPattern>(&entry.pattern);
    return pattern != nullptr && pattern->scope == PathScope::kExact && pattern->path == object.path;
  }
  bool operator()(const Address& object) const {
    const auto* pattern = std::get_if<AddressPattern>(&entry.pattern);
    return pattern != nullptr && pattern->network && pattern->network == object.address &&
           pattern->prefix_length == kAddressBits && pattern->port == object.port;
  }
  bool operator()(const CommandObject& object) const {
    const auto* rule = std::get_if<CommandRule>(&entry.pattern);
    const std::span<const std::string> words = arguments_of(object);
    if (rule == nullptr || rule->program != object.program || rule->match != ArgumentMatch::kExact) return false;
    if (rule->arguments.size() != words.size()) return false;
    for (std::size_t i = 0; i < words.size(); ++i)
      if (rule->arguments[i] != ArgumentAlternatives{words[i]}) return false;
    return true;
  }
};

// Read back as a later run will read it: what would mean anything else is not offered.
bool means_exactly(const std::string& rule, const ApprovalObject& object) {
  const auto file = ApprovalFile::parse("rule", "version: 1\napprovals:\n  - " + rule + "\n");
  return file && file->entries().size() == 1 && std::visit(ExactlyThis{file->entries().front()}, object);
}

}  // namespace

std::string approval_rule(const QuestionDraft& draft) {
  if (!is_text(draft.object)) return {};
  const char* effect = draft.reach == AnswerReach::kCall ? "once" : "run";
  std::string rule = std::string("{effect: ") + effect + ", " + object_text(draft) + "}";
  return rule.size() <= kApprovalRuleLimit && means_exactly(rule, draft.object) ? rule : std::string();
}

}  // namespace writ
