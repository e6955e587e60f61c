// What nobody is asked for, because a yes would give away more than a person can judge from a question: one table of
// requests that are refused before anybody sees them, each with its reason.
//
// It is applied to requests for permission, and to the rules that an answer `always` would write. Pure; any thread.
#ifndef WRIT_BROKER_REQUESTS_OVER_BROAD_H_
#define WRIT_BROKER_REQUESTS_OVER_BROAD_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/approval_question.h"

namespace writ {

// Where the person's things lie; absolute and lexically normal.
struct BroadPlaces {
  std::string home;
  std::string workspace;
  std::vector<std::string> secrets;  // secret_paths() of broker/policy/secrets.h
};

struct BroadReason {
  std::string_view row;     // the name of the row of the table
  std::string_view reason;  // for people and for whoever asked
};

// A request for `rights` (words: "read", "delete", …) on `resource`:
//   filesystem:/a/b   filesystem:/a/b/*   filesystem:workspace:src/*   filesystem:~/*
//   shell:PROGRAM   shell:PROGRAM:*   shell:PROGRAM:WORD WORD …   capability:…   network:HOST:PORT
// Nothing: it may be asked about. What cannot be understood is refused, too.
[[nodiscard]] std::optional<BroadReason> over_broad(std::string_view resource, std::span<const std::string> rights,
                                                    const BroadPlaces& places);

// The same for a rule about exactly this object. A directory counts with everything in it.
[[nodiscard]] std::optional<BroadReason> over_broad_rule(const ApprovalObject& object, const BroadPlaces& places);

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_OVER_BROAD_H_
