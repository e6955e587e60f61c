#include "broker/approval/approval_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "broker/approval/approval_entries.h"
#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"
#include "broker/policy/ip_address.h"
#include "broker/policy/yaml_document.h"

namespace writ {
namespace {

bool is_loopback_itself(const IpAddress& address) {
  return address == parse_ipv4("127.0.0.1") || address == parse_ipv6("::1");
}

// As in a profile: what leads to credentials of the host must be named exactly to be allowed.
bool covers_address(const AddressPattern& pattern, const Address& address, ApprovalOutcome outcome) {
  if (pattern.port && *pattern.port != address.port) return false;
  const bool metadata = address.address ? is_metadata_address(*address.address) : is_metadata_name(address.host);
  const bool by_cover = outcome == ApprovalOutcome::kDeny || !metadata;
  if (pattern.network) {
    if (!address.address || masked(*address.address, pattern.prefix_length) != *pattern.network) return false;
    return pattern.prefix_length == kAddressBits || by_cover;
  }
  if (pattern.host == "*") return by_cover;
  if (pattern.host == "localhost" && address.address) return is_loopback_itself(*address.address);
  // A name says nothing about the address that it leads to today.
  return pattern.host == address.host && (!address.address || by_cover);
}

bool covers_command(CommandRule rule, const CommandObject& command) {
  std::vector<std::string> argv = command.argv;
  if (argv.empty()) return false;
  argv.front() = command.program;  // what is executed, not what the tool calls it
  return decide_command({&rule, 1}, argv).rule != nullptr;
}

bool covers_object(const ApprovalEntry& entry, const ApprovalObject& object) {
  if (const auto* path = std::get_if<PathObject>(&object)) {
    const auto* pattern = std::get_if<PathPattern>(&entry.pattern);
    return pattern != nullptr && pattern->matches(path->path);
  }
  if (const auto* address = std::get_if<Address>(&object)) {
    const auto* pattern = std::get_if<AddressPattern>(&entry.pattern);
    return pattern != nullptr && covers_address(*pattern, *address, entry.outcome);
  }
  const auto* pattern = std::get_if<CommandRule>(&entry.pattern);
  return pattern != nullptr && covers_command(*pattern, std::get<CommandObject>(object));
}

bool matches(const ApprovalEntry& entry, const ApprovalQuestion& question) {
  if (!covers_object(entry, question.object)) return false;
  if (std::holds_alternative<CommandRule>(entry.pattern)) return true;
  if (entry.outcome == ApprovalOutcome::kDeny) return !meet(entry.rights, question.rights).empty();
  return !question.rights.empty() && entry.rights.covers(question.rights);
}

// Never more than the entry says, and never more than the caller can carry out.
ApprovalOutcome offered_part(ApprovalOutcome wanted, OutcomeSet offered) {
  if (offered.has(wanted)) return wanted;
  const bool once = wanted == ApprovalOutcome::kAllowRun && offered.has(ApprovalOutcome::kAllowOnce);
  return once ? ApprovalOutcome::kAllowOnce : ApprovalOutcome::kDeny;
}

// What is wrong with the file as a place for approvals, or nothing.
const char* flaw_of(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "is not a regular file";
  if ((status.st_mode & S_IWOTH) != 0) return "can be written by everybody";
  if (status.st_nlink != 1) return "has a second name (hard link), by which it may be written";
  return nullptr;
}

Result<std::string> read_all(int file, const std::string& name) {
  std::string text;
  std::array<char, 16384> buffer;
  while (text.size() <= kYamlSizeLimit) {
    const ssize_t count = ::read(file, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(errno, "cannot read " + name);
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return fail(name + " is larger than " + std::to_string(kYamlSizeLimit) + " bytes");
}

Result<std::string> canonical(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return fail_errno(errno, "cannot find out where the approval file " + quote_bytes(path) + " lies");
  return std::string(real.get());
}

Result<struct stat> look_at(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(errno, "cannot inspect " + quote_bytes(path));
  return status;
}

// Compares objects, not names: a place that is mounted a second time lies there as well. `path` is canonical.
Result<bool> lies_in(std::string path, const struct stat& place) {
  while (true) {
    WRIT_ASSIGN(const struct stat status, look_at(path));
    if (status.st_dev == place.st_dev && status.st_ino == place.st_ino) return true;
    if (path == "/") return false;
    path.resize(std::max<std::size_t>(path.rfind('/'), 1));
  }
}

}  // namespace

Result<ApprovalFile> ApprovalFile::parse(std::string_view display_name, std::string_view text) {
  WRIT_ASSIGN(const YamlDocument document, parse_yaml(display_name, text));
  WRIT_ASSIGN(std::vector<ApprovalEntry> entries, read_approval_entries(document));
  return ApprovalFile(escape_bytes(display_name), std::move(entries));
}

Result<ApprovalFile> ApprovalFile::read(const std::string& path) {
  const std::string name = "the approval file " + quote_bytes(path);
  // O_NONBLOCK: a FIFO must not hold us up before fstat says what it is.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid())
    return fail_errno(errno, "cannot open " + name, "--approve takes ask, deny, queue, fd:N, command:PATH or a file");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "cannot inspect " + name);
  if (const char* flaw = flaw_of(status)) return fail(name + " " + flaw);
  WRIT_ASSIGN(const std::string text, read_all(file.get(), name));
  return parse(path, text);
}

const ApprovalEntry* ApprovalFile::find_entry(const ApprovalQuestion& question) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const ApprovalEntry& entry) { return matches(entry, question); });
  return found == entries_.end() ? nullptr : &*found;
}

std::optional<ApprovalAnswer> ApprovalFile::find(const ApprovalQuestion& question) const {
  const ApprovalEntry* found = find_entry(question);
  if (found == nullptr || found->asks) return std::nullopt;
  const ApprovalOutcome outcome = offered_part(found->outcome, offered_outcomes(question));
  std::string text = name_ + ":" + std::to_string(found->line);
  if (!found->reason.empty()) text.append(": ").append(escape_bytes(found->reason));
  return ApprovalAnswer{outcome, ApprovalCause::kFile, std::move(text)};
}

ApprovalAnswer ApprovalFile::decide(const ApprovalQuestion& question) const {
  if (auto known = find(question)) return std::move(*known);
  if (const ApprovalEntry* entry = find_entry(question))
    return denial(ApprovalCause::kFile,
                  name_ + ":" + std::to_string(entry->line) + " leaves it to a person, and nobody is asked");
  return denial(ApprovalCause::kFile, "nothing in " + name_ + " answers this");
}

Status check_approval_file_place(const std::string& path, std::span<const std::string> writable_places) {
  WRIT_ASSIGN(const std::string file, canonical(path));
  for (const std::string& writable : writable_places) {
    WRIT_ASSIGN(const struct stat place, look_at(writable));
    WRIT_ASSIGN(const bool inside, lies_in(file, place));
    if (inside)
      return fail("the approval file " + quote_bytes(path) + " lies in " + quote_bytes(writable) +
                      ", where the tool can write: it could answer its own questions",
                  "keep it outside of what the tool can change");
  }
  return {};
}

}  // namespace writ
