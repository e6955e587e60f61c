// Questioner: how a handler whose call waits gets somebody asked, about a path, an address or a command.
//
// A handler says what it wants to know, lets its call wait (AnswerLater), and gets the answer by its own interface.
// Threads: one, that of the loop. Nothing here blocks.
#ifndef WRIT_BROKER_APPROVAL_QUESTIONER_H_
#define WRIT_BROKER_APPROVAL_QUESTIONER_H_

#include <cstdint>
#include <string>

#include "broker/approval/approval_question.h"

namespace writ {

// How far an answer can reach.
enum class AnswerReach : std::uint8_t {
  kCall,       // this call alone
  kRun,        // from now on in this run: whoever asked cannot be given the object itself
  kCallOrRun,  // as whoever answers likes
};

// What somebody answered about a call that waits.
enum class Approval : std::uint8_t { kDenied, kCall, kRun };

// A question without what only the one who asks knows: its number, and the rule that `always` would write.
struct QuestionDraft {
  Rights rights;
  ApprovalObject object;
  std::string requested;  // what the tool passed, where it differs from the object; else empty
  DecidingRule rule;
  Asker asker;
  AnswerReach reach = AnswerReach::kCallOrRun;
};

// Whose call waits.
class AnswerTaker {
 public:
  AnswerTaker() = default;
  AnswerTaker(const AnswerTaker&) = delete;
  AnswerTaker& operator=(const AnswerTaker&) = delete;
  virtual ~AnswerTaker() = default;
  // `reason`: why, for people. Comes once for each question, also for one that was withdrawn.
  virtual void take_answer(std::uint64_t call, Approval approval, const std::string& reason) = 0;
};

class Questioner {
 public:
  Questioner() = default;
  Questioner(const Questioner&) = delete;
  Questioner& operator=(const Questioner&) = delete;
  virtual ~Questioner() = default;
  // `call` names the question; the answer comes to `taker`, which is borrowed until then, and not before this returns.
  virtual void ask(std::uint64_t call, QuestionDraft draft, AnswerTaker& taker) = 0;
  // The call is gone: nobody waits for the answer. Nothing for one that is unknown.
  virtual void withdraw(std::uint64_t call) = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_QUESTIONER_H_
