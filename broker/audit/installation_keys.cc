#include "broker/audit/installation_keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string>

#include "broker/base/escape.h"
#include "broker/base/hex_text.h"

namespace writ {
namespace {

constexpr const char* kDirectory = "keys";
constexpr const char* kFile = "audit.key";

// The file: a line that says what it is, then the seed of the signing key, its public key, and the redaction key.
constexpr std::string_view kMagic = "writ audit key 1\n";
constexpr std::size_t kPart = 32;
constexpr std::size_t kFileSize = kMagic.size() + 3 * kPart;
using KeyFile = std::array<std::uint8_t, kFileSize>;

std::span<std::uint8_t, kPart> part_of(KeyFile& file, std::size_t index) {
  return std::span<std::uint8_t, kPart>(file.data() + kMagic.size() + index * kPart, kPart);
}

Result<KeyFile> make_key_file() {
  KeyFile file{};
  std::copy(kMagic.begin(), kMagic.end(), file.begin());
  WRIT_TRY(fill_random(part_of(file, 0)));
  WRIT_TRY(fill_random(part_of(file, 2)));
  const SigningKey key{SecretKey(part_of(file, 0))};
  std::copy(key.public_key().begin(), key.public_key().end(), part_of(file, 1).begin());
  return file;
}

Result<InstallationKeys> parse_key_file(KeyFile& file, const std::string& path) {
  if (!std::equal(kMagic.begin(), kMagic.end(), file.begin()))
    return fail(quote_bytes(path) + " is no key of Writ", "move it away; a new one is made at the next run");
  PublicKey public_key;
  std::copy_n(part_of(file, 1).begin(), kPart, public_key.begin());
  return InstallationKeys{SigningKey(SecretKey(part_of(file, 0)), public_key), SecretKey(part_of(file, 2))};
}

Result<InstallationKeys> read_from(const HeldDirectory& directory) {
  WRIT_ASSIGN(const UniqueFd file, directory.open_file(kFile, O_RDONLY));
  const std::string path = directory.path_of(kFile);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "cannot look at " + quote_bytes(path));
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail("others can read " + quote_bytes(path),
                "the key is no secret any more: remove it, and a new one is made at the next run");
  KeyFile content{};
  const ssize_t got = ::read(file.get(), content.data(), content.size());
  if (got < 0) return fail_errno(errno, "cannot read " + quote_bytes(path));
  if (static_cast<std::size_t>(got) != content.size() || static_cast<std::size_t>(status.st_size) != content.size())
    return fail(quote_bytes(path) + " is no key of Writ", "move it away; a new one is made at the next run");
  auto keys = parse_key_file(content, path);
  wipe(content);
  return keys;
}

Status give_name(const HeldDirectory& directory, const std::string& temporary) {
  const int held = directory.descriptor();
  if (::renameat2(held, temporary.c_str(), held, kFile, RENAME_NOREPLACE) == 0 || errno == EEXIST) return {};
  // EINVAL: not every file system can rename so (rename(2)). A link is as exclusive.
  if (errno == EINVAL && (::linkat(held, temporary.c_str(), held, kFile, 0) == 0 || errno == EEXIST)) return {};
  return fail_errno(errno, "cannot make " + quote_bytes(directory.path_of(kFile)));
}

// The file appears under its name complete or not at all, and only where there is none: of two that make it, one wins.
// It has another name until then, because not every file system can have files without one.
Status make_in(const HeldDirectory& directory) {
  WRIT_ASSIGN(KeyFile content, make_key_file());
  std::array<std::uint8_t, 8> random{};
  WRIT_TRY(fill_random(random));
  const std::string temporary = std::string(kFile) + "." + hex_text(random);
  WRIT_ASSIGN(const UniqueFd file, directory.open_file(temporary, O_WRONLY | O_CREAT | O_EXCL));
  Status made = write_all(file.get(), {reinterpret_cast<const char*>(content.data()), content.size()},
                          directory.path_of(temporary));
  wipe(content);
  if (made && ::fsync(file.get()) != 0)
    made = fail_errno(errno, "cannot write " + quote_bytes(directory.path_of(kFile)));
  if (made) made = give_name(directory, temporary);
  (void)::unlinkat(directory.descriptor(), temporary.c_str(), 0);  // not there any more where it was renamed
  return made;
}

}  // namespace

Result<InstallationKeys> InstallationKeys::read(const HeldDirectory& own) {
  WRIT_ASSIGN(const HeldDirectory directory, own.make_below(kDirectory));
  return read_from(directory);
}

Result<InstallationKeys> InstallationKeys::open(const HeldDirectory& own) {
  WRIT_ASSIGN(const HeldDirectory directory, own.make_below(kDirectory));
  // Between link and unlink of another process the file has two names, which open_file() refuses; it is over at once.
  constexpr int kPatience = 50;
  for (int attempt = 0;; ++attempt) {
    auto keys = read_from(directory);
    if (keys) return keys;
    if (keys.error().system_errno == ENOENT) {
      WRIT_TRY(make_in(directory));
    } else if (attempt < kPatience) {
      ::usleep(1000);
    } else {
      return keys;
    }
  }
}

}  // namespace writ
