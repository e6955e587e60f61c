// TerminalHandOver: how the terminal changes hands between a run and its questions. The launcher implements it for what
// it does with the terminal (TerminalRelay); where it does nothing with it, none is needed.
#ifndef WRIT_BROKER_APPROVAL_TERMINAL_HAND_OVER_H_
#define WRIT_BROKER_APPROVAL_TERMINAL_HAND_OVER_H_

namespace writ {

class TerminalHandOver {
 public:
  TerminalHandOver() = default;
  TerminalHandOver(const TerminalHandOver&) = delete;
  TerminalHandOver& operator=(const TerminalHandOver&) = delete;
  virtual ~TerminalHandOver() = default;

  // From the return of this until resume(): no key of the terminal is read, nothing is written to it (a tool must not
  // draw over the question; its output waits in its own terminal, and then the tool waits), and the terminal has the
  // settings from before the run. Must not block. Called only while the terminal is ours.
  virtual void pause() = 0;

  // The questions are over, or the terminal is not ours any more: go on as before. The screen has changed: a program
  // that draws on it wants to be told (SIGWINCH). Comes once after each pause(), also when the back end is destroyed.
  virtual void resume() = 0;

  // The interrupt key was pressed while a question was shown. The questions were denied; the tool is to be interrupted
  // as by the key itself.
  virtual void interrupt() = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_TERMINAL_HAND_OVER_H_
