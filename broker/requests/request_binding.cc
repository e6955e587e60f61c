#include "broker/requests/request_binding.h"

#include <sys/stat.h>

#include <cstdint>
#include <variant>

#include "broker/audit/audit_crypto.h"

namespace writ {
namespace {

// The version of the encoding; a hash of another one is never equal.
constexpr std::string_view kDomain = "writ.request.1";

class CanonicalHash {
 public:
  CanonicalHash() { add(kDomain); }

  CanonicalHash& add_number(std::uint64_t number) {
    std::string bytes;
    for (unsigned shift = 64; shift > 0; shift -= 8) bytes += static_cast<char>(number >> (shift - 8) & 0xFFU);
    hash_.update(bytes);
    return *this;
  }
  CanonicalHash& add(std::string_view bytes) {
    add_number(bytes.size());
    hash_.update(bytes);
    return *this;
  }
  CanonicalHash& add_words(std::span<const std::string> words) {
    add_number(words.size());
    for (const std::string& word : words) add(word);
    return *this;
  }
  [[nodiscard]] std::string finish() {
    const Sha256Digest digest = hash_.finish();
    return {digest.begin(), digest.end()};
  }

 private:
  Sha256 hash_;
};

}  // namespace

std::string argument_hash(const ApprovalQuestion& question) {
  CanonicalHash hash;
  hash.add(rights_text(question.rights)).add(object_kind(question.object)).add(object_bytes(question.object));
  if (const auto* address = std::get_if<Address>(&question.object)) hash.add(address->host);
  if (const auto* command = std::get_if<CommandObject>(&question.object)) hash.add_words(command->argv);
  return hash.finish();
}

std::string argument_hash(std::string_view resource, std::span<const std::string> rights) {
  return CanonicalHash().add("permission").add(resource).add_words(rights).finish();
}

std::string argument_hash(std::string_view text) { return CanonicalHash().add("text").add(text).finish(); }

std::string target_version(const ApprovalObject& object) {
  if (std::holds_alternative<Address>(object)) return {};
  struct stat status {};
  if (::stat(object_bytes(object).c_str(), &status) != 0) return {};
  std::string version = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  // What a directory holds changes all the time, and is asked about by itself.
  if (S_ISDIR(status.st_mode)) return version;
  return version + ":" + std::to_string(status.st_ctim.tv_sec) + "." + std::to_string(status.st_ctim.tv_nsec);
}

}  // namespace writ
