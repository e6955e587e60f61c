// OutputPump: sends what an OutputRing keeps, and then what it gets, through a socket to one client, as fast as that
// client reads. One that does not keep up loses bytes and finds a line in their place that says how many.
//
// Ownership: owns its end of the socket; borrows loop and ring. Threads: one.
#ifndef WRIT_BROKER_DAEMON_OUTPUT_PUMP_H_
#define WRIT_BROKER_DAEMON_OUTPUT_PUMP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/event_loop.h"
#include "broker/daemon/output_ring.h"

namespace writ {

class OutputPump {
 public:
  // `typed` gets what the client sends; empty: the client only reads. `ended` says that the client is gone; the pump
  // may be destroyed after it has returned.
  OutputPump(EventLoop& loop, const OutputRing& ring, UniqueFd socket, std::function<void(std::string_view)> typed,
             std::function<void()> ended);
  OutputPump(const OutputPump&) = delete;
  OutputPump& operator=(const OutputPump&) = delete;
  ~OutputPump();

  [[nodiscard]] Status start();
  // The ring got something.
  void pump();
  // Nothing more will come: what is kept is still sent, then the client sees the end.
  void finish();
  [[nodiscard]] bool is_over() const { return over_; }

 private:
  void on_events(std::uint32_t events);
  void receive();
  // False where the client has no room, or is gone.
  [[nodiscard]] bool send(std::string_view bytes, std::size_t& sent);
  void end();

  EventLoop& loop_;
  const OutputRing& ring_;
  UniqueFd socket_;
  std::function<void(std::string_view)> typed_;
  std::function<void()> ended_;
  std::uint64_t position_ = 0;
  std::string notice_;  // what is left of the line about lost bytes
  bool finishing_ = false;
  bool over_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_OUTPUT_PUMP_H_
