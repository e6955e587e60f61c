#include "broker/requests/request_payload.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "broker/base/escape.h"
#include "broker/requests/object_reader.h"

namespace writ {
namespace {

std::string text_of(std::string_view bytes) { return escape_bytes(bytes, bytes.size()); }

JsonArray words_json(std::span<const std::string> words) {
  JsonArray array;
  for (const std::string& word : words) array.add(text_of(word));
  return array;
}

void set_unless_empty(JsonObject& object, std::string_view key, std::string_view bytes) {
  if (!bytes.empty()) object.set(key, text_of(bytes));
}

// ---- rights and answers, as words

std::vector<std::string> right_words(Rights rights) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < kRightCount; ++i)
    if (const Right right = static_cast<Right>(i); rights.has(right)) words.emplace_back(right_name(right));
  return words;
}

Rights rights_of(ObjectReader& reader, std::string_view key) {
  Rights rights;
  for (const std::string& word : reader.words(key)) {
    const std::optional<Right> right = right_from_name(word);
    if (right)
      rights = join(rights, {*right});
    else
      reader.add_fault("there is no right " + quote_bytes(word, 80));
  }
  return rights;
}

std::vector<std::string> outcome_words(OutcomeSet outcomes) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < kOutcomeCount; ++i)
    if (const auto outcome = static_cast<ApprovalOutcome>(i); outcomes.has(outcome))
      words.emplace_back(outcome_name(outcome));
  return words;
}

OutcomeSet outcomes_of(ObjectReader& reader, std::string_view key) {
  OutcomeSet outcomes{ApprovalOutcome::kAllowOnce, ApprovalOutcome::kAllowRun, ApprovalOutcome::kAllowAlways};
  const std::vector<std::string> words = reader.words(key);
  for (const std::string& word : words)
    if (!outcome_from_name(word)) reader.add_fault("there is no answer " + quote_bytes(word, 80));
  for (std::size_t i = 0; i < kOutcomeCount; ++i)
    if (std::find(words.begin(), words.end(), kOutcomeNames[i]) == words.end())
      outcomes = outcomes.without(static_cast<ApprovalOutcome>(i));
  return outcomes;
}

// ---- the object of a call

JsonObject object_json(const ApprovalObject& object) {
  JsonObject json;
  json.set("kind", object_kind(object)).set("text", text_of(object_bytes(object)));
  if (const auto* command = std::get_if<CommandObject>(&object)) json.set("argv", words_json(command->argv));
  if (const auto* address = std::get_if<Address>(&object)) set_unless_empty(json, "host", address->host);
  return json;
}

ApprovalObject address_of(ObjectReader& reader, const std::string& text) {
  Result<Address> address = Address::parse(text);
  if (!address) {
    reader.add_fault(quote_bytes(text, 80) + " is no address");
    return Address{};
  }
  address->host = reader.optional_bytes("host");
  return std::move(*address);
}

Result<ApprovalObject> parse_object(const JsonValue& value) {
  ObjectReader reader(value);
  const std::string kind = reader.bytes("kind");
  std::string text = reader.bytes("text");
  ApprovalObject object;
  if (kind == "path")
    object = PathObject{std::move(text)};
  else if (kind == "command")
    object = CommandObject{std::move(text), reader.words("argv")};
  else if (kind == "address")
    object = address_of(reader, text);
  else
    reader.add_fault("there is no kind of object " + quote_bytes(kind, 80));
  WRIT_TRY(reader.finish());
  return object;
}

// ---- a call that waits

JsonObject per_use_json(const PerUsePayload& payload) {
  const ApprovalQuestion& question = payload.question;
  JsonObject json;
  json.set("rights", words_json(right_words(question.rights))).set("object", object_json(question.object));
  set_unless_empty(json, "requested", question.requested);
  set_unless_empty(json, "rule", question.rule.text);
  set_unless_empty(json, "origin", question.rule.origin);
  set_unless_empty(json, "reason", question.rule.reason);
  json.set("pid", static_cast<std::int64_t>(question.asker.process));
  json.set("program", text_of(question.asker.program)).set("argv", words_json(question.asker.argv));
  json.set("answers", words_json(outcome_words(offered_outcomes(question))));
  set_unless_empty(json, "always_rule", question.always_rule);
  set_unless_empty(json, "profile", payload.profile);
  return json.set("workspace", text_of(payload.workspace));
}

void read_asker(ObjectReader& reader, Asker& asker) {
  const std::int64_t process = reader.integer("pid");
  if (process < 0 || process > std::numeric_limits<pid_t>::max()) reader.add_fault("'pid' is out of range");
  asker.process = static_cast<pid_t>(process);
  asker.program = reader.bytes("program");
  asker.argv = reader.words("argv");
}

Result<RequestPayload> parse_per_use(const JsonValue& value) {
  ObjectReader reader(value);
  PerUsePayload payload;
  ApprovalQuestion& question = payload.question;
  question.rights = rights_of(reader, "rights");
  const JsonValue* object = reader.member("object");
  if (object == nullptr) return fail("'object' is missing");
  WRIT_ASSIGN(question.object, parse_object(*object));
  question.requested = reader.optional_bytes("requested");
  question.rule = {reader.optional_bytes("rule"), reader.optional_bytes("origin"), reader.optional_bytes("reason")};
  read_asker(reader, question.asker);
  question.possible = outcomes_of(reader, "answers");
  question.always_rule = reader.optional_bytes("always_rule");
  payload.profile = reader.optional_bytes("profile");
  payload.workspace = reader.bytes("workspace");
  WRIT_TRY(reader.finish());
  return RequestPayload(std::move(payload));
}

// ---- the others

JsonObject permission_json(const PermissionPayload& payload) {
  JsonObject json;
  json.set("resource", text_of(payload.resource)).set("rights", words_json(payload.rights));
  return json.set("reason", text_of(payload.reason));
}

Result<PermissionPayload> parse_permission(const JsonValue& value) {
  ObjectReader reader(value);
  PermissionPayload payload{reader.bytes("resource"), reader.words("rights"), reader.bytes("reason")};
  WRIT_TRY(reader.finish());
  return payload;
}

Result<RequestPayload> parse_text(const JsonValue& value) {
  ObjectReader reader(value);
  TextPayload payload{reader.bytes("text")};
  WRIT_TRY(reader.finish());
  return RequestPayload(std::move(payload));
}

std::optional<unsigned> hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<unsigned>(digit - 'a' + 10);
  return std::nullopt;
}

}  // namespace

Result<std::string> unescape_bytes(std::string_view escaped) {
  std::string bytes;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '\\') {
      bytes += escaped[i];
      continue;
    }
    const std::string_view rest = escaped.substr(i + 1);
    if (rest.starts_with('\\')) {
      bytes += '\\';
      i += 1;
      continue;
    }
    const auto high = rest.size() >= 3 && rest[0] == 'x' ? hex_digit(rest[1]) : std::nullopt;
    const auto low = high ? hex_digit(rest[2]) : std::nullopt;
    if (!low) return fail("a backslash is neither doubled nor the beginning of \\xNN");
    bytes += static_cast<char>(*high << 4U | *low);
    i += 3;
  }
  return bytes;
}

JsonObject payload_json(const RequestPayload& payload) {
  if (const auto* text = std::get_if<TextPayload>(&payload)) {
    JsonObject json;
    return json.set("text", text_of(text->text));
  }
  if (const auto* permission = std::get_if<PermissionPayload>(&payload)) return permission_json(*permission);
  return per_use_json(std::get<PerUsePayload>(payload));
}

Result<RequestPayload> parse_payload(RequestKind kind, std::string_view text) {
  if (text.size() > kRequestPayloadLimit) return fail("it is too large");
  WRIT_ASSIGN(const JsonValue value, parse_json(text));
  if (kind == RequestKind::kPerUse) return parse_per_use(value);
  if (kind != RequestKind::kPermissionRequest) return parse_text(value);
  WRIT_ASSIGN(PermissionPayload permission, parse_permission(value));
  return RequestPayload(std::move(permission));
}

JsonObject decision_json(const RequestDecision& decision) {
  JsonObject json;
  json.set("outcome", outcome_name(decision.outcome));
  set_unless_empty(json, "policy", decision.policy);
  set_unless_empty(json, "answer", decision.answer);
  if (decision.edited) json.set("edited", permission_json(*decision.edited));
  set_unless_empty(json, "reason", decision.reason);
  return json.set("by", text_of(decision.by));
}

Result<RequestDecision> parse_decision(std::string_view text) {
  if (text.size() > kRequestPayloadLimit) return fail("it is too large");
  WRIT_ASSIGN(const JsonValue value, parse_json(text));
  ObjectReader reader(value);
  RequestDecision decision;
  const std::optional<ApprovalOutcome> outcome = outcome_from_name(reader.bytes("outcome"));
  if (!outcome) return fail("'outcome' is none");
  decision.outcome = *outcome;
  decision.policy = reader.optional_bytes("policy");
  decision.answer = reader.optional_bytes("answer");
  if (const JsonValue* edited = reader.member("edited")) {
    WRIT_ASSIGN(decision.edited, parse_permission(*edited));
  }
  decision.reason = reader.optional_bytes("reason");
  decision.by = reader.bytes("by");
  WRIT_TRY(reader.finish());
  return decision;
}

}  // namespace writ
