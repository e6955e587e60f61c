// CiArtifacts: files that a run left in its workspace are copied to where it could not write.
//
// The run chose what is there, so nothing is believed: directories are walked by descriptor and one name at a time, no
// link is followed, only regular files are read, and only those that the run could have read itself:
// - not what the view hid from it, by whatever name;
// - a file with several hard links only if all of its names lie in the visible workspace: another name elsewhere would
//   mean that somebody linked in what is not the run's;
// - as root, only what the workspace's owner may read.
// Threads: one at a time. Nothing here runs while the tool does.
#ifndef WRIT_LAUNCHER_CI_ARTIFACTS_H_
#define WRIT_LAUNCHER_CI_ARTIFACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "launcher/ci_reports.h"
#include "launcher/path_glob.h"

namespace writ {

inline constexpr std::size_t kArtifactCountLimit = 10'000;
inline constexpr std::uint64_t kArtifactSizeLimit = std::uint64_t{4} << 30;  // bytes, of all together
inline constexpr std::size_t kArtifactDepthLimit = 64;
inline constexpr std::size_t kArtifactWalkLimit = 1'000'000;  // entries that are looked at

// Where artifacts go. Opened before the run, so that it cannot choose another place.
struct ArtifactPlace {
  UniqueFd directory;
  std::string path;  // on the host, canonical
};
// Makes the directory if it does not exist. Errors: what the kernel says; it is not empty; the workspace lies in it.
[[nodiscard]] Result<ArtifactPlace> open_artifact_place(const std::string& typed, const std::string& workspace);

struct ArtifactRequest {
  int workspace = -1;  // borrowed
  const ArtifactPlace* place = nullptr;
  std::vector<PathGlob> globs;
  std::vector<std::string> hidden;  // relative to the workspace: what the view hid there
};

struct ArtifactResult {
  std::vector<CiArtifact> artifacts;   // paths are escaped
  std::vector<std::string> unmatched;  // globs that named nothing
  std::vector<std::string> problems;   // what could not be done; the collection is incomplete
};

[[nodiscard]] ArtifactResult collect_artifacts(const ArtifactRequest& request);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_ARTIFACTS_H_
