#include "broker/approval/descriptor_protocol.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"

namespace writ {
namespace {

std::string line_of(JsonObject object) { return JsonValue(std::move(object)).to_text() + "\n"; }

std::string text_of(std::string_view bytes) { return escape_bytes(bytes, kAskedTextSize); }

// A number in quotes: it has 64 bits, and JSON numbers of many readers have 53.
std::string id_text(QuestionId id) { return std::to_string(id.value); }

JsonArray words_json(std::span<const std::string> words) {
  JsonArray array;
  for (const std::string& word : words.first(std::min(words.size(), kAskedArguments)))
    array.add(escape_bytes(word, kAskedArgumentSize));
  return array;
}

void set_words(JsonObject& object, std::span<const std::string> argv) {
  object.set("argv", words_json(argv));
  if (argv.size() > kAskedArguments) object.set("arguments_not_listed", argv.size() - kAskedArguments);
  const auto is_cut = [](const std::string& word) { return word.size() > kAskedArgumentSize; };
  if (argv.size() > kAskedArguments || std::any_of(argv.begin(), argv.end(), is_cut)) object.set("incomplete", true);
}

JsonArray rights_json(Rights rights) {
  JsonArray array;
  for (std::size_t i = 0; i < kRightCount; ++i)
    if (const Right right = static_cast<Right>(i); rights.has(right)) array.add(right_name(right));
  return array;
}

JsonArray outcomes_json(OutcomeSet outcomes) {
  JsonArray array;
  for (std::size_t i = 0; i < kOutcomeCount; ++i)
    if (const ApprovalOutcome outcome = static_cast<ApprovalOutcome>(i); outcomes.has(outcome))
      array.add(outcome_name(outcome));
  return array;
}

JsonObject object_json(const ApprovalObject& object) {
  JsonObject json;
  const std::string bytes = object_bytes(object);
  json.set("kind", object_kind(object)).set("text", text_of(bytes));
  if (bytes.size() > kAskedTextSize) json.set("incomplete", true);
  if (const auto* command = std::get_if<CommandObject>(&object)) set_words(json, command->argv);
  return json;
}

JsonObject rule_json(const DecidingRule& rule) {
  JsonObject json;
  json.set("text", text_of(rule.text));
  if (!rule.origin.empty()) json.set("origin", text_of(rule.origin));
  if (!rule.reason.empty()) json.set("reason", text_of(rule.reason));
  return json;
}

JsonObject asker_json(const Asker& asker) {
  JsonObject json;
  json.set("pid", asker.process).set("program", text_of(asker.program));
  set_words(json, asker.argv);
  return json;
}

std::optional<QuestionId> parse_id(const std::string& text) {
  QuestionId id;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id.value);
  // One spelling only: what was sent.
  if (error != std::errc() || end != text.data() + text.size() || id_text(id) != text) return std::nullopt;
  return id;
}

// Notes the first fault.
void add_fault(AnswerMessage& message, std::string fault) {
  if (message.fault.empty()) message.fault = std::move(fault);
}

void take_member(const JsonMember& member, AnswerMessage& message) {
  const auto* text = std::get_if<std::string>(&member.value.storage());
  if (text == nullptr) return add_fault(message, quote_bytes(member.key, 80) + " must be a text");
  if (member.key == "id") {
    message.id = parse_id(*text);
    if (!message.id) add_fault(message, "the id " + quote_bytes(*text, 80) + " was never sent");
  } else if (member.key == "answer") {
    message.outcome = outcome_from_name(*text);
    if (!message.outcome) add_fault(message, "there is no answer " + quote_bytes(*text, 80));
  } else if (member.key == "reason") {
    message.reason = escape_bytes(*text);
  } else {
    add_fault(message, "unknown key " + quote_bytes(member.key, 80) + ": there are 'id', 'answer' and 'reason'");
  }
}

}  // namespace

std::string question_line(const ApprovalQuestion& question, std::chrono::milliseconds time_out) {
  JsonObject line;
  line.set("type", "question").set("version", kApprovalProtocolVersion).set("id", id_text(question.id));
  line.set("rights", rights_json(question.rights)).set("object", object_json(question.object));
  if (!question.requested.empty()) line.set("requested", text_of(question.requested));
  line.set("rule", rule_json(question.rule)).set("asker", asker_json(question.asker));
  line.set("answers", outcomes_json(offered_outcomes(question)));
  if (!question.always_rule.empty()) line.set("always_rule", escape_bytes(question.always_rule, kAskedRuleSize));
  return line_of(std::move(line.set("time_out_ms", time_out.count())));
}

std::string withdrawal_line(QuestionId id, const ApprovalAnswer& answer) {
  JsonObject line;
  line.set("type", "withdrawn").set("id", id_text(id));
  return line_of(std::move(line.set("cause", cause_name(answer.cause)).set("reason", answer.text)));
}

std::string error_line(std::string_view message) {
  JsonObject line;
  return line_of(std::move(line.set("type", "error").set("message", message)));
}

AnswerMessage parse_answer(std::string_view line) {
  AnswerMessage message;
  const Result<JsonValue> value = parse_json(line);
  const auto* object = value ? std::get_if<JsonObject>(&value->storage()) : nullptr;
  if (object == nullptr) {
    message.fault = value ? "an answer is a JSON object" : value.error().what;
    return message;
  }
  for (const JsonMember& member : object->members()) take_member(member, message);
  if (!message.id) add_fault(message, "'id' is missing");
  if (!message.outcome) add_fault(message, "'answer' is missing");
  return message;
}

std::vector<LineAssembler::Line> LineAssembler::feed(std::string_view bytes) {
  std::vector<Line> lines;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    too_long_ = too_long_ || begun_.size() + part.size() > kAnswerLineLimit;
    if (too_long_)
      begun_.clear();
    else
      begun_.append(part);
    if (end == std::string_view::npos) break;
    lines.push_back({std::exchange(begun_, {}), std::exchange(too_long_, false)});
    bytes.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace writ
