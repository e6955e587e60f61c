#include "broker/kernel/seccomp_cache.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "broker/kernel/seccomp_certificates.h"
#include "broker/kernel/seccomp_names.h"
#include "broker/kernel/seccomp_oracle.h"
#include "broker/policy/seccomp_check.h"
#include "broker/policy/seccomp_compiler.h"

namespace writ {
namespace {

// The first bytes of every record; the number changes with the meaning of the file.
constexpr std::string_view kRecordHeader = "writ seccomp record 1\n";
constexpr mode_t kOwnerOnly = 0600;

using Bytes = std::vector<std::byte>;

void append(Bytes& out, const void* data, std::size_t size) {
  if (size == 0) return;
  const std::size_t at = out.size();
  out.resize(at + size);
  std::memcpy(out.data() + at, data, size);
}

void append_sized(Bytes& out, const void* data, std::size_t size) {
  const std::uint64_t length = size;
  append(out, &length, sizeof(length));
  append(out, data, size);
}

// Everything that the result depends on: the model's whole content and the library that was asked.
Bytes key_of(const SeccompModel& model) {
  const std::string library = libseccomp_version();
  const Bytes content = model_bytes(model);
  Bytes key;
  key.reserve(kRecordHeader.size() + library.size() + content.size() + 32);
  append(key, kRecordHeader.data(), kRecordHeader.size());
  append_sized(key, library.data(), library.size());
  append_sized(key, content.data(), content.size());
  return key;
}

std::string name_of(const Bytes& key) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "%016llx.filter", static_cast<unsigned long long>(content_hash(key)));
  return name.data();
}

Bytes record_of(Bytes key, const BpfProgram& program) {
  append_sized(key, program.data(), program.size() * sizeof(sock_filter));
  return key;
}

bool writable_for_strangers(const struct stat& status) {
  return status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

bool file_equals(int fd, const Bytes& expected) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || writable_for_strangers(status)) return false;
  if (static_cast<std::size_t>(status.st_size) != expected.size()) return false;
  Bytes found(expected.size());
  const ssize_t got = ::pread(fd, found.data(), found.size(), 0);
  return got == static_cast<ssize_t>(found.size()) && found == expected;
}

Status write_all(int fd, const Bytes& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return fail_errno(wrote < 0 ? errno : EIO, "cannot write the filter record");
    done += static_cast<std::size_t>(wrote);
  }
  return {};
}

// Gives the unnamed file its name. A record that is already there was not accepted, so it goes first; another process
// that puts its own in between has written the same bytes.
Status name_file(int directory, int fd, const std::string& name) {
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (::linkat(AT_FDCWD, self.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
    if (errno != EEXIST) break;
    if (attempt == 0 && ::unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) break;
  }
  if (errno == EEXIST) return {};
  return fail_errno(errno, "cannot name the filter record");
}

// For file systems without O_TMPFILE (NFS). A process killed in between leaves a file with a random name behind.
Status store_by_rename(int directory, const std::string& name, const Bytes& record) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != sizeof(random)) return fail_errno(errno, "cannot get a random number");
  const std::string temporary = name + "." + std::to_string(random);
  const UniqueFd file(
      ::openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
  if (!file.valid()) return fail_errno(errno, "cannot create a filter record");
  Status status = write_all(file.get(), record);
  if (status && ::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0)
    status = fail_errno(errno, "cannot name the filter record");
  if (!status) ::unlinkat(directory, temporary.c_str(), 0);
  return status;
}

}  // namespace

Result<SeccompCache> SeccompCache::open(UniqueFd directory) {
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return fail_errno(errno, "cannot examine the filter cache");
  if (!S_ISDIR(status.st_mode)) return fail("the filter cache is not a directory");
  if (writable_for_strangers(status))
    return fail("the filter cache belongs to somebody else, or others can write there", "make it private: chmod 700");
  return SeccompCache(std::move(directory));
}

std::string SeccompCache::file_name(const SeccompModel& model) { return name_of(key_of(model)); }

bool SeccompCache::confirms(const SeccompModel& model, const BpfProgram& program) const {
  const Bytes key = key_of(model);
  // O_NONBLOCK: a FIFO of that name must not hold the start up.
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const UniqueFd file(::openat(directory_.get(), name_of(key).c_str(), kFlags));
  return file.valid() && file_equals(file.get(), record_of(key, program));
}

Status SeccompCache::store(const SeccompModel& model, const BpfProgram& program) const {
  const Bytes key = key_of(model);
  const std::string name = name_of(key);
  const Bytes record = record_of(key, program);
  const UniqueFd file(::openat(directory_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, kOwnerOnly));
  if (!file.valid()) return store_by_rename(directory_.get(), name, record);
  WRIT_TRY(write_all(file.get(), record));
  return name_file(directory_.get(), file.get(), name);
}

Result<BpfProgram> seccomp_program_for(const SeccompModel& model, const SeccompCache* cache) {
  WRIT_ASSIGN(BpfProgram program, compile_seccomp_model(model));
  WRIT_TRY(check_program_against_model(program, model));
  if (is_certified(model, program)) return program;
  if (cache != nullptr && cache->confirms(model, program)) return program;
  WRIT_TRY(compare_with_oracle(model, program));
  // Without a record the comparison is made again next time; nothing else is lost.
  if (cache != nullptr) static_cast<void>(cache->store(model, program));
  return program;
}

}  // namespace writ
