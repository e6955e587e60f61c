#include "launcher/standing_approvals.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <variant>

#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"
#include "broker/kernel/acting_identity.h"

namespace writ {
namespace {

constexpr std::string_view kHead = "version: 1\napprovals:\n";

void make_directories(const std::string& directory) {
  for (std::size_t slash = directory.find('/', 1); slash != std::string::npos; slash = directory.find('/', slash + 1))
    (void)::mkdir(directory.substr(0, slash).c_str(), 0700);
  (void)::mkdir(directory.c_str(), 0700);
}

Result<std::string> read_whole(int file) {
  std::string text;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count = ::read(file, buffer.data(), buffer.size());
    if (count < 0) return fail_errno(errno, "cannot read it");
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

std::string existing_part(std::string path) {
  while (path.size() > 1 && ::access(path.c_str(), F_OK) != 0) path.resize(std::max<std::size_t>(path.rfind('/'), 1));
  return path;
}

Result<StandingApprovals> StandingApprovals::open(const std::string& configuration_home, std::string_view profile_name,
                                                  std::span<const std::string> writable_places) {
  StandingApprovals standing;
  if (profile_name.empty() || profile_name.find('/') != std::string_view::npos || profile_name.front() == '.')
    return standing;
  standing.path_ = configuration_home + "/writ/approvals/" + std::string(profile_name) + ".yaml";
  const std::string there = existing_part(standing.path_);
  Status place = check_approval_file_place(there, writable_places);
  standing.writable_ = place.has_value();
  if (there != standing.path_) return standing;
  WRIT_TRY(std::move(place));
  WRIT_ASSIGN(ApprovalFile file, ApprovalFile::read(standing.path_));
  standing.known_ = std::move(file);
  return standing;
}

// Another run may write at the same time, and a person may have written the file by hand: what is there is read under
// the lock, and nothing is added that would make it something else than a file of approvals.
Status StandingApprovals::append(const std::string& entry) const {
  (void)ActingIdentity::step_back();  // the person's own file, not the tool's
  const std::string failed = "cannot write the rule into " + quote_bytes(path_);
  make_directories(path_.substr(0, path_.rfind('/')));
  const UniqueFd file(
      ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || ::flock(file.get(), LOCK_EX) != 0)
    return fail_errno(errno, failed);
  if (!S_ISREG(status.st_mode)) return fail(failed + ": it is not a regular file");
  WRIT_ASSIGN(const std::string before, read_whole(file.get()));
  std::string added(before.empty() ? kHead : before.ends_with('\n') ? "" : "\n");
  added.append("  - ").append(entry).append("\n");
  if (const auto whole = ApprovalFile::parse(path_, before + added); !whole)
    return fail(failed + ": " + whole.error().describe());
  if (::write(file.get(), added.data(), added.size()) != static_cast<ssize_t>(added.size()))
    return fail_errno(errno, failed);
  return {};
}

}  // namespace writ
