// human.ask, human.output and human.request_permission: what a tool wants from the person. Everything goes through the
// queue of the person (`writ approvals`), and needs write on human:NAME before anything is put there.
//
// A call that asks blocks until the person decides; the tool sees a slow call and no protocol of waiting. Texts are raw
// in the store and escaped where they are shown; audit log and authority get their hashes, and a preview of a reason.
//
// Threads: a context belongs to one. Fork: as Store.
#ifndef WRIT_BROKER_PRIMITIVES_HUMAN_PRIMITIVES_H_
#define WRIT_BROKER_PRIMITIVES_HUMAN_PRIMITIVES_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "broker/authority/durable_authority.h"
#include "broker/primitives/permit.h"
#include "broker/primitives/primitive.h"
#include "broker/requests/over_broad.h"

namespace writ {

struct HumanContext {
  enum class Reachable : std::uint8_t {
    kQueue,
    kNobody,  // `--approve deny`, or a run inside of another: kDenied at once
  };

  PrimitiveAuthority& authority;
  std::string store_directory{};                       // must lie where no tool can write
  DurableAuthority* capabilities = nullptr;            // borrowed; nullptr: there are none
  std::optional<Subject> subject{};                    // whom the session acts for
  BroadPlaces places{};                                // what is never asked for as a whole
  std::function<void(const std::string&)> announce{};  // a line for the terminal, escaped; may be empty
  Reachable reachable = Reachable::kQueue;
  int cancel = -1;                                       // borrowed; readable or hung up: the asker is gone
  std::chrono::milliseconds time_limit{10 * 60 * 1000};  // of one wait
  std::string human = "owner";                           // whose queue it is; nobody else can be reached
};

// {question (1…8192 bytes), human?="owner"} → {answer}. Errors: kDenied: no write on human:NAME, nobody is reachable,
// or the person rejects it; kUnavailable: there is no such person; kTimedOut; kCancelled; kLimit: too many requests
// wait.
[[nodiscard]] PrimitiveResult human_ask(HumanContext& context, const JsonObject& arguments);

// {message (1…8192 bytes), human?="owner"} → {delivered: true}. Returns when the message is in the queue, where it
// waits until the person has seen it or this process ends. Errors: as human_ask(), but for those of waiting.
[[nodiscard]] PrimitiveResult human_output(HumanContext& context, const JsonObject& arguments);

// {resource, rights: [1…16 words], reason (1…8192 bytes), human?="owner"} → {granted, policy?: "always_allow" or
// "ask_each_time", capability?}. What the person approves, as it is or narrower, becomes a capability of the subject,
// made with the person's authority: one that allows, or one that asks each time. A rejection is {granted: false};
// `always_deny` makes a capability that denies besides, and is not asked about again while that stands. Errors: as
// human_ask(); kDenied: it is over-broad, and nobody was asked; kUnavailable: there is no subject or there are no
// capabilities; kFailed: what was decided cannot be granted.
[[nodiscard]] PrimitiveResult human_request_permission(HumanContext& context, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_HUMAN_PRIMITIVES_H_
