// DirectoryListing: the names in one directory, read in one go, so that dozens of absent names cost no system call
// each. Plain value; any thread.
#ifndef WRIT_BROKER_GRANT_DIRECTORY_LISTING_H_
#define WRIT_BROKER_GRANT_DIRECTORY_LISTING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace writ {

class DirectoryListing {
 public:
  // Knows nothing: every name may be there.
  DirectoryListing() = default;

  // Reads the directory behind the borrowed `directory_fd` (O_PATH is enough). A directory that cannot be read, or has
  // more entries than are worth reading, gives a listing that knows nothing.
  [[nodiscard]] static DirectoryListing read(int directory_fd);

  // False only when no entry is called `component`, in whatever case (a directory may fold it, ext4 casefold or vfat).
  // As of the moment of reading: for times when nobody else changes the directory, or when a miss does no harm.
  [[nodiscard]] bool may_hold(std::string_view component) const;

 private:
  static constexpr std::size_t kSumWords = 16;

  [[nodiscard]] bool add_names(const char* buffer, std::size_t size);

  bool complete_ = false;
  // One bit for each sum over the bytes of a name: most names that are asked for have none, and need no search.
  std::array<std::uint64_t, kSumWords> sums_{};
  std::vector<std::string> lower_case_names_;  // sorted
};

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_DIRECTORY_LISTING_H_
