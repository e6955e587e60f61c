// JitConversation: the broker's end of the channel to a tool made at run time: lines of JSON over two pipes.
//
//   broker → stub   jit_start_message()
//   stub → broker   {"syscall":{"id":1,"name":"filesystem.read_text","arguments":{…}}}
//   broker → stub   {"reply":{"id":1,"value":…}}   or {"reply":{"id":1,"refused":{"code":"denied","correlation":"…"}}}
//   stub → broker   {"result":…}   {"error":{"message":"…"}}
//                   shell only: {"output":"what was printed, in hexadecimal"}
//
// The other end is the tool's: every byte is checked. Whatever is not exactly the above, in this order, ends the
// conversation, and it says nothing more: a message before the start, an id that is not the next one, a member that is
// not named here (so no tool can claim that the broker refused it something), anything after the result, a line longer
// than kJitLineLimit, more than kJitStreamLimit bytes or kJitCallLimit calls.
//
// One call is handed out at a time. Pure; one thread at a time.
#ifndef WRIT_BROKER_JIT_JIT_CONVERSATION_H_
#define WRIT_BROKER_JIT_JIT_CONVERSATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "broker/base/json_text.h"
#include "broker/jit/jit_candidate.h"

namespace writ {

inline constexpr std::size_t kJitLineLimit = 256 * 1024;
inline constexpr std::size_t kJitStreamLimit = 1024 * 1024;  // from the stub, in all
inline constexpr std::size_t kJitCallLimit = 64;
// Of one value; longer ones are for the caller to refuse.
inline constexpr std::size_t kJitReplyLimit = 2 * 1024 * 1024;
inline constexpr std::size_t kJitMessageLimit = 4096;  // of what a tool says about its failure

enum class JitBreach : std::uint8_t { kProtocol, kTooLong, kTooManyCalls };

struct JitWaiting {};  // for more bytes, or for the answer to the call that was handed out
struct JitCall {
  std::uint64_t id = 0;
  std::string name;
  JsonObject arguments;
};
struct JitReturned {
  JsonValue value;
};
struct JitFailed {
  std::string message;  // the tool's own words
};
struct JitBroken {
  JitBreach breach = JitBreach::kProtocol;
  std::string why;
};
using JitEvent = std::variant<JitWaiting, JitCall, JitReturned, JitFailed, JitBroken>;

class JitConversation {
 public:
  explicit JitConversation(JitLanguage language) : language_(language) {}

  // The first message to the stub. Call once, before anything else.
  [[nodiscard]] std::string start(std::string_view source, const JsonObject& arguments);

  // Bytes that the stub wrote, in pieces of any size.
  void take(std::string_view bytes);
  // What they mean, one event for each call. After JitReturned and JitFailed comes JitWaiting, or JitBroken where the
  // stub went on; after JitBroken, the same again.
  [[nodiscard]] JitEvent next();

  // The message that answers the call of the last JitCall.
  [[nodiscard]] std::string reply(const JsonValue& value);
  [[nodiscard]] std::string refuse(std::string_view code, std::string_view correlation);

 private:
  enum class State : std::uint8_t { kNew, kRunning, kAnswering, kOver, kBroken };

  JitEvent break_off(JitBreach breach, std::string why);
  [[nodiscard]] JitEvent read_line(std::string_view line);
  [[nodiscard]] JitEvent read_call(const JsonValue& value);
  [[nodiscard]] JitEvent read_failure(const JsonValue& value);
  [[nodiscard]] JitEvent read_output(const JsonValue& value);
  [[nodiscard]] JitEvent finish(JitEvent last);
  [[nodiscard]] std::string answer(std::string_view member, const JsonValue& value);

  JitLanguage language_;
  State state_ = State::kNew;
  JitBroken broken_;
  std::string buffer_;
  std::size_t taken_ = 0;
  std::uint64_t calls_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_JIT_JIT_CONVERSATION_H_
