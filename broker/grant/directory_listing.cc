#include "broker/grant/directory_listing.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

constexpr std::size_t kBufferSize = std::size_t{32} << 10;
constexpr int kReadLimit = 4;  // about 4000 names; beyond that, single looks are cheaper than the listing

// getdents64(2), struct linux_dirent64
constexpr std::size_t kRecordLengthOffset = 16;
constexpr std::size_t kNameOffset = 19;

bool is_ascii(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower_case(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = lower_case(c);
  return lower;
}

// The same for names that differ in case only.
std::uint32_t sum_of(std::string_view name) {
  std::uint32_t sum = 0;
  for (const char c : name) sum = sum * 31 + static_cast<unsigned char>(lower_case(c));
  return sum;
}

}  // namespace

// Adds the names of one buffer; false when one of them is not ASCII, whose folding only the kernel knows.
bool DirectoryListing::add_names(const char* buffer, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    std::uint16_t length = 0;
    std::memcpy(&length, buffer + at + kRecordLengthOffset, sizeof length);
    const std::string_view name(buffer + at + kNameOffset);
    if (!is_ascii(name)) return false;
    const std::uint32_t sum = sum_of(name);
    sums_[sum / 64 % kSumWords] |= std::uint64_t{1} << (sum % 64);
    lower_case_names_.push_back(lower_case(name));
    at += length;
  }
  return true;
}

DirectoryListing DirectoryListing::read(int directory_fd) {
  DirectoryListing listing;
  const UniqueFd directory(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return listing;
  std::array<char, kBufferSize> buffer;
  for (int round = 0; round < kReadLimit; ++round) {
    const long got = ::syscall(SYS_getdents64, directory.get(), buffer.data(), buffer.size());
    if (got < 0) return {};
    if (got == 0) {
      std::sort(listing.lower_case_names_.begin(), listing.lower_case_names_.end());
      listing.complete_ = true;
      return listing;
    }
    if (!listing.add_names(buffer.data(), static_cast<std::size_t>(got))) return {};
  }
  return {};
}

bool DirectoryListing::may_hold(std::string_view component) const {
  if (!complete_) return true;
  const std::uint32_t sum = sum_of(component);
  if ((sums_[sum / 64 % kSumWords] >> (sum % 64) & 1) == 0) return false;
  return std::binary_search(lower_case_names_.begin(), lower_case_names_.end(), lower_case(component));
}

}  // namespace writ
