// RunAuthority: the capabilities of a run's subject (`writ run --subject`), as far as they are about what a sandbox can
// reach: paths and addresses.
//
// What a capability allows is not in the view from the start: it becomes a rule that asks, and the capability answers
// when the tool first wants it. So a use is taken when something is used, and what is revoked or expires is not there
// any more for the next call. A capability that denies becomes a rule that denies. The ceiling and the manifests bound
// these rules as they bound the profile's own.
//
// Ownership: owns its connection to the store. Threads: one, that of the session. Fork: a child must leave by _exit or
// execve.
#ifndef WRIT_LAUNCHER_RUN_AUTHORITY_H_
#define WRIT_LAUNCHER_RUN_AUTHORITY_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/approval/approval_question.h"
#include "broker/authority/durable_authority.h"
#include "broker/authority/live_grants.h"
#include "broker/policy/profile.h"
#include "broker/store/store_watch.h"

namespace writ {

// What a capability says about a question.
struct AuthorityClaim {
  ApprovalAnswer answer;
  std::optional<ReservationId> reservation;  // a use that was taken: settle() it
};

// Something that was allowed for the run, and is not any more.
struct WithdrawnGrant {
  enum class News : std::uint8_t {
    kWithdrawn,         // from now on
    kHoldersToBeEnded,  // it was before; somebody wants that whoever still holds something of it is ended
  };
  News news = News::kWithdrawn;
  std::string path;
  std::string reason;
  HolderFate fate = HolderFate::kListed;
};

class RunAuthority {
 public:
  // Opens the store in `state_home`/writ/store. `workspace`: what `filesystem:workspace:` means. Errors: `subject` is
  // no subject; of the store.
  [[nodiscard]] static Result<std::unique_ptr<RunAuthority>> open(const std::string& subject,
                                                                  const std::string& state_home, std::string workspace);
  RunAuthority(const RunAuthority&) = delete;
  RunAuthority& operator=(const RunAuthority&) = delete;
  ~RunAuthority();

  // The rules that make the tool's calls ask, and those that deny. `own`: what the profile allows by itself is left as
  // it is. Errors: a capability that no rule can express.
  [[nodiscard]] Result<std::vector<Rule>> rules(const Profile& own);

  // What was found to have been in flight when another run or command was killed, one line each.
  [[nodiscard]] std::vector<std::string> warnings() const;

  // What the capabilities say; nothing: none of them is about it, or one wants somebody asked.
  [[nodiscard]] std::optional<AuthorityClaim> claim(const ApprovalQuestion& question);
  // Right before the effect: does the reservation still stand?
  [[nodiscard]] bool may_proceed(const AuthorityClaim& claim);
  // After it. An error leaves the use taken.
  [[nodiscard]] Status settle(const AuthorityClaim& claim, EffectOutcome outcome);

  // Readable when the store may have changed; -1: only poll_timeout() tells.
  [[nodiscard]] int poll_descriptor() const { return changes_.descriptor(); }
  // When something that was allowed is to be looked at again: at the end of a capability at the latest.
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const;
  // What was allowed for the run and is not any more. Call after every poll; cheap when nothing has changed.
  [[nodiscard]] std::vector<WithdrawnGrant> take_withdrawn();
  // What came of what was withdrawn at or above `path`, for whoever revoked it. `outcome`: JSON. An error means only
  // that nobody is told.
  [[nodiscard]] Status report(std::string_view path, std::string_view outcome, HolderFate done);

 private:
  struct Granted {
    Rights rights;
    std::string path;
    std::string capability;
    std::optional<std::int64_t> ends_at;  // CLOCK_BOOTTIME, so that setting the clock changes nothing
    LiveGrantId row{};
    bool whole = false;  // a place that joined the view
  };
  // What the capabilities say about one right; without a request: nothing.
  struct Choice {
    std::optional<CapabilityRequest> request;
    CapabilityDecision decision;
  };
  struct Withdrawn {
    std::string path;
    LiveGrantId row;
    HolderFate fate;
  };

  RunAuthority(Subject subject, std::string workspace, std::string directory,
               std::unique_ptr<DurableAuthority> authority)
      : subject_(std::move(subject)),
        workspace_(std::move(workspace)),
        directory_(std::move(directory)),
        authority_(std::move(authority)),
        changes_(directory_) {}
  [[nodiscard]] Result<std::optional<Rule>> rule_of(const Capability& capability) const;
  [[nodiscard]] std::vector<TypedResource> names_of(const ApprovalObject& object) const;
  [[nodiscard]] Result<Choice> decide(CapabilityRight right, const ApprovalObject& object);
  [[nodiscard]] Result<std::optional<CapabilityId>> restriction_beneath(Rights rights, const std::string& path);
  [[nodiscard]] AuthorityClaim allow(const ApprovalQuestion& question, const CapabilityRequest& request,
                                     const CapabilityDecision& decision);
  [[nodiscard]] AuthorityClaim take_use(const ApprovalQuestion& question, const CapabilityRequest& request);
  [[nodiscard]] std::optional<std::int64_t> earliest_end(const CapabilityDecision& decision);
  [[nodiscard]] Status record(const CapabilityDecision& decision, Granted& granted);
  [[nodiscard]] WithdrawnGrant withdraw(const Granted& granted);
  void add_orders(std::vector<WithdrawnGrant>& news);
  [[nodiscard]] std::optional<CapabilityDecision> still_allowed(const Granted& granted);
  void follow(Granted& granted, const CapabilityDecision& decision);
  [[nodiscard]] bool has_expired() const;

  Subject subject_;
  std::string workspace_;
  std::string directory_;  // of the store
  std::unique_ptr<DurableAuthority> authority_;
  StoreWatch changes_;
  std::optional<LiveGrants> live_;  // from the first grant for the run on
  std::vector<Granted> granted_;
  std::size_t files_ = 0;  // of them, those that are no whole place
  std::vector<std::string> unusable_;
  std::vector<Withdrawn> withdrawn_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_AUTHORITY_H_
