// RelayHandOver: the relay of an interactive run, as what gives the terminal to a question and takes it back. Where a
// run has no relay, only interrupting is left to do.
//
// Ownership: the relay is borrowed, or null. Threads: one.
#ifndef WRIT_LAUNCHER_RELAY_HAND_OVER_H_
#define WRIT_LAUNCHER_RELAY_HAND_OVER_H_

#include <unistd.h>

#include <csignal>

#include "broker/approval/terminal_hand_over.h"
#include "launcher/terminal_relay.h"

namespace writ {

class RelayHandOver final : public TerminalHandOver {
 public:
  explicit RelayHandOver(TerminalRelay* relay) : relay_(relay) {}

  void pause() override {
    if (relay_ != nullptr) relay_->pause();
  }
  void resume() override {
    if (relay_ != nullptr) relay_->resume();
  }
  void interrupt() override {
    if (relay_ != nullptr) return relay_->interrupt_tool();
    (void)::kill(::getpid(), SIGINT);  // the session's, by its signal descriptor
  }

 private:
  TerminalRelay* relay_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RELAY_HAND_OVER_H_
