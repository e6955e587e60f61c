#include "launcher/caps_runs.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "broker/store/store_watch.h"
#include "launcher/person.h"

namespace writ {
namespace {

constexpr std::chrono::seconds kPatience{5};

bool all_answered(const std::vector<LiveGrant>& runs) {
  return std::all_of(runs.begin(), runs.end(), [](const LiveGrant& run) { return run.is_answered(); });
}

void wait_for_change(const StoreWatch& watch, StoreWatch::Clock::time_point end) {
  const auto until = std::min(watch.next_look(), end);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - StoreWatch::Clock::now()).count();
  pollfd entry{watch.descriptor(), POLLIN, 0};
  ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
}

// The outcome is what another process of the person's wrote: bytes, until they are escaped.
const std::string* text_in(const Result<JsonValue>& outcome) {
  const auto* object = outcome ? std::get_if<JsonObject>(&outcome->storage()) : nullptr;
  const JsonValue* text = object == nullptr ? nullptr : object->find("text");
  return text == nullptr ? nullptr : std::get_if<std::string>(&text->storage());
}

// Its lines, each escaped.
std::string indented(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines += "  " + escape_bytes(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string paragraph(const LiveGrant& run) {
  const std::string start = "run " + std::to_string(run.process) + ": ";
  if (!run.outcome) return start + quote_bytes(run.path) + ": it has not answered yet\n";
  const Result<JsonValue> outcome = parse_json(*run.outcome);
  const std::string* text = text_in(outcome);
  if (text == nullptr) return start + quote_bytes(run.path) + ": its answer cannot be read\n";
  std::string lines = start + indented(*text).substr(2);
  if (!run.is_answered()) lines += "  it has not ended them yet\n";
  return lines;
}

}  // namespace

Result<std::vector<LiveGrant>> outcomes_of_runs(const CapabilityId& id, HolderFate holders) {
  WRIT_ASSIGN(const Person person, identify_person(::geteuid(), ::getegid()));
  const std::string directory = person.state_home + "/writ/store";
  StoreWatch watch(directory);
  WRIT_ASSIGN(LiveGrants live, LiveGrants::open(directory));
  if (holders == HolderFate::kKilled) WRIT_TRY(live.order_end_of_holders(id));
  const auto end = StoreWatch::Clock::now() + kPatience;
  while (true) {
    const auto now = StoreWatch::Clock::now();
    (void)watch.take_due(now);
    WRIT_ASSIGN(std::vector<LiveGrant> runs, live.given_by(id));
    if (all_answered(runs) || now >= end) return runs;
    wait_for_change(watch, end);
  }
}

std::string outcomes_text(std::span<const LiveGrant> runs) {
  std::string text;
  for (const LiveGrant& run : runs) text += paragraph(run);
  return text;
}

std::string revoked_json(const ShownCapability& shown, std::span<const LiveGrant> runs) {
  JsonArray array;
  for (const LiveGrant& run : runs) {
    JsonObject object;
    object.set("process", run.process).set("path", escape_bytes(run.path));
    Result<JsonValue> outcome = run.outcome ? parse_json(*run.outcome) : JsonValue();
    object.set("outcome", outcome ? std::move(*outcome) : JsonValue());
    object.set("holders_ended", run.done == HolderFate::kKilled);
    array.add(std::move(object));
  }
  return shown_capability_json(shown, std::move(array));
}

}  // namespace writ
