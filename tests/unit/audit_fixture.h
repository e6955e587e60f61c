// What the tests of the audit log share: a directory of their own, keys, a small log.
#ifndef WRIT_TESTS_UNIT_AUDIT_FIXTURE_H_
#define WRIT_TESTS_UNIT_AUDIT_FIXTURE_H_

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit/audit_log.h"
#include "broker/audit/audit_verifier.h"
#include "broker/audit/segment_files.h"

namespace writ::audit_tests {

inline SecretKey secret_of(std::uint8_t byte) {
  std::array<std::uint8_t, SecretKey::kSize> bytes{};
  bytes.fill(byte);
  return SecretKey(bytes);
}

inline InstallationKeys keys_of(std::uint8_t byte) { return {SigningKey(secret_of(byte)), secret_of(7)}; }

// A directory that is gone with the object.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    const char* base = std::getenv("TMPDIR");
    std::string name = std::string(base == nullptr ? "/tmp" : base) + "/writ-test-audit-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] HeldDirectory held() const {
    auto directory = HeldDirectory::open(path_);
    REQUIRE(directory);
    return std::move(*directory);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    std::filesystem::permissions(path(name), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }

 private:
  std::string path_;
};

inline std::unique_ptr<AuditLog> open_log(const ScratchDirectory& directory, const AuditLogOptions& options = {},
                                          std::uint8_t key = 1) {
  auto log = AuditLog::open(directory.held(), "audit.jsonl", keys_of(key), options);
  if (!log) FAIL(log.error().describe());
  return std::move(*log);
}

// A decision about `path`.
inline void append_decision(AuditLog& log, std::string_view path) {
  AuditRecord record(AuditEvent::kDecision, "/usr/bin/tool");
  record.set(AuditField::kObjectKind, "path").set(AuditField::kObject, path).set(AuditField::kRights, "read");
  record.set(AuditField::kOutcome, "deny").set(AuditField::kCause, "rule").set(AuditField::kRule, "deny read /x/*");
  log.append(record);
}

// `records` decisions in one run.
inline void write_run(const ScratchDirectory& directory, int records, std::uint8_t key = 1,
                      const AuditLogOptions& options = {}) {
  auto log = open_log(directory, options, key);
  for (int i = 0; i < records; ++i) append_decision(*log, "/x/" + std::to_string(i));
  REQUIRE(log->finish());
}

struct Verified {
  std::vector<AuditFinding> findings;
  AuditSummary summary;
  [[nodiscard]] bool clean() const { return findings.empty(); }
  [[nodiscard]] bool has(AuditFindingKind kind, std::uint64_t line) const {
    for (const AuditFinding& finding : findings)
      if (finding.kind == kind && finding.line == line) return true;
    return false;
  }
};

// Verifies one text; `head` may be empty.
inline Verified verify(std::string_view text, std::string_view head = {}, std::uint8_t key = 1) {
  Verified verified;
  AuditVerifier verifier(keys_of(key).signing.public_key(),
                         [&](AuditFinding finding) { verified.findings.push_back(std::move(finding)); });
  if (!head.empty()) verifier.expect_head(head, "head");
  verifier.begin_file("log");
  verifier.feed(text);
  verifier.end_file();
  verified.summary = verifier.finish();
  return verified;
}

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    lines.emplace_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace writ::audit_tests

#endif  // WRIT_TESTS_UNIT_AUDIT_FIXTURE_H_
