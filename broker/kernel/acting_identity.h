// ActingIdentity: root's broker does a tool's work on files as the tool: fsuid and fsgid of the tool, none of root's
// power over files (the kernel takes the file capabilities away with a non-zero fsuid, capabilities(7)), no group but
// the tool's. An ordinary user's broker is that user already; then nothing is changed.
//
// Switching costs some microseconds, more than most of the work. So a scope leaves the identity in force when it ends,
// for the next scope, and step_back() ends it. Forgetting that makes a thread too weak, never too strong.
//
// Threads: the identity belongs to the calling thread. Fork: inherited; step back before.
#ifndef WRIT_BROKER_KERNEL_ACTING_IDENTITY_H_
#define WRIT_BROKER_KERNEL_ACTING_IDENTITY_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "broker/base/error.h"

namespace writ {

struct FileIdentity {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// While it lives, `mask` is the process's umask. Whoever makes something for a caller makes it with the caller's.
class UmaskScope {
 public:
  explicit UmaskScope(mode_t mask);
  ~UmaskScope();
  UmaskScope(const UmaskScope&) = delete;
  UmaskScope& operator=(const UmaskScope&) = delete;

 private:
  mode_t own_;
};

class ActingIdentity {
 public:
  // Acts as whoever the broker is.
  ActingIdentity() = default;
  // Acts as `identity`; drops the broker's supplementary groups for good. Needs CAP_SETUID and CAP_SETGID, now and in
  // every scope. Errors: the host's root as an identity, a kernel that refuses.
  [[nodiscard]] static Result<ActingIdentity> as(FileIdentity identity);

  // True when it acts as somebody else than the broker.
  [[nodiscard]] bool switches() const { return identity_.has_value(); }
  // The calling thread touches files as itself again. False when the kernel did not switch: it is the tool still.
  static bool step_back();

  // While it lives, the calling thread touches files as itself, with a umask of 077; then it is whom it acted as
  // before. For the broker's own files in the middle of a tool's call. Should the kernel not switch back, the process
  // ends: what is left of the call must not be done as root.
  class Pause {
   public:
    Pause();
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    std::optional<FileIdentity> before_;
    std::optional<UmaskScope> mask_;
  };

  // While it lives, files are touched with the identity. `mask` is the umask for what is made; none: nothing is made.
  class Scope {
   public:
    explicit Scope(const ActingIdentity& identity, std::optional<mode_t> mask = std::nullopt);
    ~Scope() = default;
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    // False when the kernel did not switch: nothing may be done then.
    [[nodiscard]] bool in_force() const { return in_force_; }

   private:
    std::optional<UmaskScope> mask_;
    bool in_force_;
  };

 private:
  std::optional<FileIdentity> identity_;
};

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_ACTING_IDENTITY_H_
