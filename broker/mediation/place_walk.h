// PlaceWalk: the long way of a lookup: one segment after the other, where links, "..", or the caller's own /proc lie on
// the way. Internal to ToolLookup. One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_PLACE_WALK_H_
#define WRIT_BROKER_MEDIATION_PLACE_WALK_H_

#include <deque>
#include <string>
#include <string_view>

#include "broker/mediation/tool_lookup.h"

namespace writ {

class PlaceWalk {
 public:
  // `root` is borrowed: the tool's root directory.
  PlaceWalk(int root, FinalLink last_link, const CallerRecord& caller)
      : root_(root), last_link_(last_link), caller_(caller) {}

  [[nodiscard]] FoundPlace go(const CopiedPath& path);

  // After go() has failed: where it stopped, and what was left of the path, the name that could not be entered first.
  // Nothing when that place has no name.
  [[nodiscard]] std::optional<StoppedPlace> stopped() const;

 private:
  enum class Step : std::uint8_t { kGoOn, kArrived, kKernelPlace, kFailed };

  Step step();
  Step climb();
  Step enter(UniqueFd object, const struct stat& status, const std::string& segment);
  Step follow(int link);
  Step caller_place(const std::string& segment);
  Step caller_descriptor();
  Step settle(const std::string& segment, const struct stat* object);
  Step fail(int error);
  bool start_at(int directory);
  void put_in_front(std::string_view path);
  [[nodiscard]] bool in_kernel_place() const;

  int root_;
  FinalLink last_link_;
  const CallerRecord& caller_;
  std::deque<std::string> rest_;
  UniqueFd here_;
  Place place_;
  std::string entering_;
  bool must_be_directory_ = false;
  int links_ = 0;
  int error_ = 0;
};

// Opens `path` beneath or from `directory` with O_PATH, through no link; retries where a rename came in between.
// Returns the descriptor or -errno.
[[nodiscard]] long open_place(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_PLACE_WALK_H_
