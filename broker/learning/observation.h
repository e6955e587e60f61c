// Observations: what a tool was seen to use, one entry for each object and name, whatever the number of calls. Plain
// data and a bounded collection; pure; one thread at a time.
#ifndef WRIT_BROKER_LEARNING_OBSERVATION_H_
#define WRIT_BROKER_LEARNING_OBSERVATION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/policy/rights.h"

namespace writ {

// What stood at the end of a path when the tool named it.
enum class Finding : std::uint8_t { kMissing, kFile, kDirectory, kOther };

// Whether the tool could have what it asked for, as far as the broker can tell without doing it.
enum class Obstacle : std::uint8_t {
  kNone,
  kAbsent,      // there was nothing
  kReadOnly,    // writing, where the view of learning is read-only
  kPermission,  // the file's own permissions say no
};

// One path as one call used it.
struct PathSighting {
  std::string path;       // canonical, as the tool sees it
  std::string used_path;  // the name that was used, lexically normal, where it went through a symbolic link; else empty
  std::vector<std::string> links;  // the links on the way, each by its own canonical path
  Rights rights;                   // empty: only looked at
  Finding finding = Finding::kMissing;
  Obstacle obstacle = Obstacle::kNone;
};

struct Observation {
  std::string path;
  Rights rights;  // that were possible
  Rights missed;  // that were asked for and met an obstacle
  Finding finding = Finding::kMissing;
  Obstacle obstacle = Obstacle::kNone;  // the last one
  std::uint64_t count = 0;
  std::set<std::string> programs;                      // names of processes, at most kProgramLimit
  std::map<std::string, std::set<std::string>> names;  // used_path → links on its way; at most kNameLimit
};

inline constexpr std::size_t kProgramLimit = 4;
inline constexpr std::size_t kNameLimit = 4;

// What an observer may keep. Beyond it, sightings of new paths are counted and not kept.
inline constexpr std::size_t kObservationLimit = 20000;
inline constexpr std::size_t kObservationBytes = std::size_t{8} << 20;

class ObservationLog {
 public:
  explicit ObservationLog(std::size_t entries = kObservationLimit, std::size_t bytes = kObservationBytes)
      : entry_limit_(entries), byte_limit_(bytes) {}

  // Adds a use of `sighting.path` by the process called `program` (any bytes).
  void add(const PathSighting& sighting, std::string_view program);

  [[nodiscard]] const std::map<std::string, Observation, std::less<>>& entries() const { return entries_; }
  // Sightings of paths that there was no room for.
  [[nodiscard]] std::uint64_t not_kept() const { return not_kept_; }

 private:
  Observation* entry_for(const std::string& path);
  void add_name(Observation& entry, const PathSighting& sighting);
  [[nodiscard]] bool has_room(std::size_t bytes);

  std::size_t entry_limit_;
  std::size_t byte_limit_;
  std::size_t bytes_ = 0;
  std::uint64_t not_kept_ = 0;
  std::map<std::string, Observation, std::less<>> entries_;
};

// An address that a tool named: "192.0.2.1:443", "[::1]:80", "unix:/run/x.sock", with what it wanted there.
struct AddressSighting {
  Rights rights;  // connect or bind
  std::string text;
  bool is_ip = false;
};

// Addresses, deduplicated and bounded in the same way.
inline constexpr std::size_t kAddressLimit = 256;
class AddressLog {
 public:
  void add(const AddressSighting& sighting, std::string_view program);
  struct Entry {
    AddressSighting sighting;
    std::uint64_t count = 0;
    std::set<std::string> programs;
  };
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }
  [[nodiscard]] std::uint64_t not_kept() const { return not_kept_; }

 private:
  std::uint64_t not_kept_ = 0;
  std::map<std::string, Entry> entries_;  // by rights and text
};

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_OBSERVATION_H_
