// CiStreams: what the tool of `writ ci` gets as standard output and error, and what becomes of it.
//
// Where nothing has to be changed, the tool gets this process's own. Otherwise it gets pipes, and each goes through a
// filter to where the stream would have gone. Where both go to the same place, they share one pipe, so that their order
// stays. On a system that obeys commands and can be told to stop, everything that the system reads goes one way: only
// then is certain that all of the tool's output lies between the two lines that say so.
#ifndef WRIT_LAUNCHER_CI_STREAMS_H_
#define WRIT_LAUNCHER_CI_STREAMS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "launcher/ci_system.h"
#include "launcher/command_neutraliser.h"
#include "launcher/secret_mask.h"

namespace writ {

// One pipe from the tool and where its bytes go.
class CiRoute {
 public:
  enum class Neutralise : std::uint8_t { kNo, kYes };
  // `mask` and `destination` are borrowed.
  CiRoute(UniqueFd source, int destination, const SecretMask& mask, Neutralise neutralise)
      : source_(std::move(source)), destination_(destination), masked_(mask), neutralise_(neutralise) {}

  [[nodiscard]] int source() const { return source_.get(); }
  [[nodiscard]] int destination() const { return destination_; }
  [[nodiscard]] bool wants_to_read() const { return source_.valid() && pending_.empty(); }
  [[nodiscard]] bool wants_to_write() const { return !pending_.empty(); }
  [[nodiscard]] bool is_over() const { return !source_.valid() && pending_.empty(); }
  // The last byte that was written ended a line, or none was.
  [[nodiscard]] bool at_line_start() const { return at_line_start_; }

  // Call when poll(2) says so. Neither blocks.
  void read();
  void write();
  // No more is read. What was kept back is passed on.
  void close_source();

 private:
  void filter(std::string_view bytes, bool is_last);

  UniqueFd source_;
  int destination_;
  MaskedStream masked_;
  Neutralise neutralise_;
  CommandNeutraliser neutraliser_;
  std::string pending_;
  std::size_t written_ = 0;  // of `pending_`
  bool at_line_start_ = true;
};

struct CiStreams {
  std::array<int, 2> for_tool{1, 2};  // borrowed: from here, or from `owned`
  std::vector<UniqueFd> owned;        // ends of pipes for the tool; drop them once it has started
  std::vector<CiRoute> routes;
  int log = 1;  // where the CI system reads what Writ has to tell it

  // `mask` is borrowed and must outlive the result. Looks at descriptors 1 and 2.
  [[nodiscard]] static Result<CiStreams> arrange(CiSystem system, const SecretMask& mask);

  // True when the last thing that was written to the log is a whole line.
  [[nodiscard]] bool log_is_at_line_start() const;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_STREAMS_H_
