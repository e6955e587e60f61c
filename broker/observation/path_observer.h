// PathObserver: sees every call of a sandbox that names a path or an address, finds out what it meant, and writes it
// down. It decides nothing: each call is answered with "go on".
//
// Ownership: borrows the record. Threads: the one of the notification loop. A file system that does not answer (FUSE,
// NFS) can hold it up, as it holds up the tool.
#ifndef WRIT_BROKER_OBSERVATION_PATH_OBSERVER_H_
#define WRIT_BROKER_OBSERVATION_PATH_OBSERVER_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/learning/learning_record.h"
#include "broker/learning/path_calls.h"
#include "broker/mediation/notification_handler.h"
#include "broker/observation/resource_sampler.h"
#include "broker/observation/tool_path.h"

namespace writ {

// Who the tool is on the host: what decides whether a file's permissions let it in.
struct ObservedIdentity {
  uid_t uid = 0;
  gid_t gid = 0;
};

class PathObserver : public NotificationHandler {
 public:
  PathObserver(LearningRecord& record, ObservedIdentity identity) : record_(record), identity_(identity) {}

  // Notes what will be executed first, which no call names that could be observed. `view_root` is the view before it is
  // given to the sandbox; borrowed.
  [[nodiscard]] Status note_first_program(int view_root, const std::vector<std::string>& program);

  // The sandbox runs: `init` is its pid 1, as we see it.
  void begin(pid_t init) { init_ = init; }

  // Gives the sandbox's root directory back; call when the sandbox has ended.
  void end();

  [[nodiscard]] std::variant<std::unique_ptr<CallCopy>, Answer> read(const Notification& call) override;
  [[nodiscard]] Answer decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) override;
  void abandon(std::uint64_t /*id*/) override {}  // nothing is ever answered later

  [[nodiscard]] const ResourcePeaks& peaks() const { return peaks_; }

 private:
  struct NamedPath {
    std::string path;  // absolute
    PathUse use = PathUse::kLookUp;
    OpenNeeds needs;
    EndLink final_link = EndLink::kFollowed;
  };
  struct Copy;

  [[nodiscard]] std::optional<NamedPath> read_path(const Notification& call, const CallPath& argument) const;
  void read_address(const Notification& call, const AddressCall& row, Copy& copy) const;
  void adopt_root(Copy& copy);
  void note(const NamedPath& named, const std::string& program);
  void note_interpreter(const ResolvedPath& program, const std::string& by, int depth);
  [[nodiscard]] PathSighting sighting_of(const NamedPath& named, ResolvedPath& found) const;
  [[nodiscard]] Obstacle obstacle_of(Rights rights, const ResolvedPath& found) const;
  [[nodiscard]] std::string program_of(const Notification& call);

  LearningRecord& record_;
  ObservedIdentity identity_;
  pid_t init_ = -1;
  std::optional<ToolRoot> root_;
  std::optional<ResourceSampler> sampler_;
  ResourcePeaks peaks_;
  std::map<pid_t, std::string> programs_;     // by thread; forgotten when it executes something
  std::set<std::string> programs_looked_at_;  // whose interpreter is known; bounded
};

}  // namespace writ

#endif  // WRIT_BROKER_OBSERVATION_PATH_OBSERVER_H_
