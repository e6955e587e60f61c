#include "broker/grant/quarantine_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/grant/held_entry.h"

namespace writ {
namespace {

constexpr mode_t kCopiedFile = 0600;
constexpr mode_t kCopiedDirectory = 0700;
constexpr int kDeepestCopy = 64;
constexpr std::size_t kChunkBytes = 64UL * 1024;

bool write_all(int to_fd, const char* bytes, std::size_t length) {
  while (length > 0) {
    const ssize_t written = ::write(to_fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    length -= static_cast<std::size_t>(written);
  }
  return true;
}

bool copy_bytes(int from_fd, int to_fd, std::uint64_t& bytes_left) {
  const auto chunk = std::make_unique<std::array<char, kChunkBytes>>();
  for (;;) {
    const ssize_t length = ::read(from_fd, chunk->data(), chunk->size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return length == 0;
    const auto count = static_cast<std::size_t>(length);
    if (count > bytes_left) return false;
    bytes_left -= count;
    if (!write_all(to_fd, chunk->data(), count)) return false;
  }
}

// `held` is O_PATH on what fstat said is a regular file, so reopening it cannot block or trigger a device.
UniqueFd reopen_file(int held) {
  const std::string path = "/proc/self/fd/" + std::to_string(held);
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (file.valid() || errno != EACCES || ::fstat(held, &status) != 0) return file;
  // Unreadable for its owner, who is us. The mode goes back at once: the file may have other names that stay.
  if (::chmod(path.c_str(), kCopiedFile) != 0) return file;
  file.reset(::open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC));
  [[maybe_unused]] const int restored = ::chmod(path.c_str(), status.st_mode & 07777U);
  return file;
}

bool copy_file(int held, off_t size, const EntryPlace& copy, CopyBudget& budget) {
  // Before a byte is written: a sparse file of a terabyte is turned away at once.
  if (size < 0 || static_cast<std::uint64_t>(size) > budget.bytes) return false;
  const UniqueFd from = reopen_file(held);
  if (!from.valid()) return false;
  const UniqueFd to(::openat(copy.parent_fd, copy.component.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kCopiedFile));
  return to.valid() && copy_bytes(from.get(), to.get(), budget.bytes);
}

// Calls `visit` for each name of the held directory until it says false. The names are collected first: removing while
// reading may skip entries on some file systems.
bool for_each_name(int directory_fd, std::size_t limit, const std::function<bool(const std::string&)>& visit) {
  auto reopened = reopen_directory(directory_fd);
  if (!reopened) return false;
  DIR* stream = ::fdopendir(reopened->get());
  if (stream == nullptr) return false;
  [[maybe_unused]] const int now_of_stream = reopened->release();  // closedir closes it
  const std::unique_ptr<DIR, int (*)(DIR*)> closer(stream, &::closedir);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() >= limit) return false;
    names.emplace_back(name);
  }
  return std::all_of(names.begin(), names.end(), visit);
}

bool copy_at_depth(const EntryPlace& source, const EntryPlace& copy, CopyBudget& budget, int depth);

bool copy_directory(int held, const EntryPlace& copy, CopyBudget& budget, int depth) {
  const OwnerAccess access(held);
  if (::mkdirat(copy.parent_fd, copy.component.c_str(), kCopiedDirectory) != 0) return false;
  const auto made = open_entry(copy.parent_fd, copy.component);
  if (!made || !made->object.valid()) return false;
  return for_each_name(held, budget.entries, [&](const std::string& name) {
    return copy_at_depth({held, name}, {made->object.get(), name}, budget, depth + 1);
  });
}

bool copy_at_depth(const EntryPlace& source, const EntryPlace& copy, CopyBudget& budget, int depth) {
  if (depth > kDeepestCopy || budget.entries == 0) return false;
  --budget.entries;
  const auto entry = open_entry(source.parent_fd, source.component);
  if (!entry) return false;
  switch (entry->state.kind) {
    case EntryKind::kFile:
      return copy_file(entry->object.get(), entry->state.size, copy, budget);
    case EntryKind::kDirectory:
      return copy_directory(entry->object.get(), copy, budget, depth);
    case EntryKind::kLink:
      return ::symlinkat(entry->state.link_text.c_str(), copy.parent_fd, copy.component.c_str()) == 0;
    case EntryKind::kAbsent:
    case EntryKind::kOther:
      return false;
  }
  return false;
}

bool remove_at_depth(const EntryPlace& place, int depth) {
  const OwnerAccess parent_access(place.parent_fd);
  const auto entry = open_entry(place.parent_fd, place.component);
  if (!entry || depth > kDeepestCopy + 1) return false;
  if (entry->state.kind == EntryKind::kAbsent) return true;
  if (entry->state.kind != EntryKind::kDirectory) {
    return ::unlinkat(place.parent_fd, place.component.c_str(), 0) == 0;
  }
  const OwnerAccess access(entry->object.get());
  const bool emptied = for_each_name(entry->object.get(), SIZE_MAX, [&](const std::string& name) {
    return remove_at_depth({entry->object.get(), name}, depth + 1);
  });
  return emptied && ::unlinkat(place.parent_fd, place.component.c_str(), AT_REMOVEDIR) == 0;
}

}  // namespace

bool copy_entry(const EntryPlace& source, const EntryPlace& copy, CopyBudget& budget) {
  return copy_at_depth(source, copy, budget, 0);
}

bool remove_entry(const EntryPlace& place) { return remove_at_depth(place, 0); }

}  // namespace writ
