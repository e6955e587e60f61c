// What the verifier finds: every kind of change, at its line.
#include "tests/unit/audit_fixture.h"

namespace writ::audit_tests {
namespace {

struct SmallLog {
  std::string text;
  std::string head;
  std::vector<std::string> lines;
};

// 20 lines: one that begins the segment, 18 decisions, the head.
SmallLog small_log() {
  const ScratchDirectory directory;
  write_run(directory, 18);
  SmallLog log;
  log.text = directory.read("audit.jsonl");
  log.head = std::string(head_line_of(directory.read("audit.jsonl.head"))) + "\n";
  log.lines = lines_of(log.text);
  REQUIRE(log.lines.size() == 20);
  REQUIRE(log.lines.back() == log.head);
  return log;
}

TEST_CASE("verifier: a log that nobody touched", "[audit]") {
  const SmallLog log = small_log();
  const Verified verified = verify(log.text, log.head);
  for (const AuditFinding& finding : verified.findings) UNSCOPED_INFO(finding.line << " " << finding.text);
  CHECK(verified.clean());
  CHECK(verified.summary.records == 20);
  CHECK(verified.summary.heads == 1);
  CHECK(verified.summary.unsigned_records == 0);
}

TEST_CASE("verifier: fed in pieces of any size, it says the same", "[audit]") {
  const SmallLog log = small_log();
  std::string wrong = log.text;
  wrong[wrong.size() / 2] ^= 1;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{300}, wrong.size()}) {
    std::vector<AuditFinding> findings;
    AuditVerifier verifier(std::nullopt, [&](AuditFinding finding) { findings.push_back(std::move(finding)); });
    verifier.begin_file("log");
    for (std::size_t at = 0; at < wrong.size(); at += piece) verifier.feed(std::string_view(wrong).substr(at, piece));
    verifier.end_file();
    (void)verifier.finish();
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].line == verify(wrong).findings[0].line);
  }
}

// One bit of each byte, the bits in turn: letters become other letters, capitals, control characters, no ASCII.
TEST_CASE("verifier: a change of any byte is found at its line", "[audit]") {
  const SmallLog log = small_log();
  std::size_t flips = 0;
  std::size_t at = 0;
  for (std::size_t line = 0; line < log.lines.size(); ++line) {
    for (std::size_t i = 0; i < log.lines[line].size(); ++i, ++at) {
      const int bit = 1 << at % 8;
      std::string wrong = log.text;
      wrong[at] = static_cast<char>(wrong[at] ^ bit);
      const Verified verified = verify(wrong);
      ++flips;
      if (verified.clean() || verified.findings.front().line != line + 1)
        FAIL("byte " << at << " of line " << line + 1 << " bit " << bit << ": "
                     << (verified.clean() ? "nothing" : std::to_string(verified.findings.front().line)));
    }
  }
  CHECK(flips == log.text.size());
}

TEST_CASE("verifier: an edited record is called so, and only its line is", "[audit]") {
  const SmallLog log = small_log();
  for (std::size_t i = 1; i + 1 < log.lines.size(); ++i) {
    std::vector<std::string> lines = log.lines;
    const std::size_t place = lines[i].find("deny");
    lines[i].replace(place, 4, "dent");
    const Verified verified = verify(joined(lines), log.head);
    REQUIRE(verified.findings.size() == 1);
    CHECK(verified.has(AuditFindingKind::kEdited, i + 1));
  }
}

TEST_CASE("verifier: an edited record with a fitting hash breaks the next line", "[audit]") {
  const SmallLog log = small_log();
  std::vector<std::string> lines = log.lines;
  const auto before = AuditLine::parse(std::string_view(lines[4]).substr(0, lines[4].size() - 1));
  ChainState state{before->sequence, before->hash};
  std::string forged;
  std::string body(AuditLine::parse(std::string_view(lines[5]).substr(0, lines[5].size() - 1))->hashed);
  body.erase(0, body.find("\"run\""));
  body.replace(body.find("deny"), 4, "ally");
  append_chained(body, state, forged);
  lines[5] = forged;
  const Verified verified = verify(joined(lines), log.head);
  REQUIRE(verified.findings.size() == 1);
  CHECK(verified.has(AuditFindingKind::kEdited, 7));
}

TEST_CASE("verifier: a deleted line is found where it was", "[audit]") {
  const SmallLog log = small_log();
  for (std::size_t i = 0; i < log.lines.size(); ++i) {
    std::vector<std::string> lines = log.lines;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    const Verified verified = verify(joined(lines), log.head);
    INFO("line " << i + 1);
    if (i + 1 == log.lines.size()) {
      CHECK(verified.has(AuditFindingKind::kTruncated, i));
    } else {
      CHECK(verified.has(AuditFindingKind::kDeleted, i + 1));
    }
    CHECK(verified.findings.size() == 1);
  }
}

TEST_CASE("verifier: two lines that changed places", "[audit]") {
  const SmallLog log = small_log();
  for (std::size_t i = 0; i + 1 < log.lines.size(); ++i) {
    std::vector<std::string> lines = log.lines;
    std::swap(lines[i], lines[i + 1]);
    const Verified verified = verify(joined(lines), log.head);
    INFO("lines " << i + 1 << " and " << i + 2);
    REQUIRE_FALSE(verified.clean());
    CHECK(verified.findings.front().kind == AuditFindingKind::kReordered);
    CHECK(verified.findings.front().line == i + 1);
  }
}

TEST_CASE("verifier: a line that stands twice", "[audit]") {
  const SmallLog log = small_log();
  for (std::size_t i = 0; i < log.lines.size(); ++i) {
    std::vector<std::string> lines = log.lines;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
    CHECK(verify(joined(lines), log.head).has(AuditFindingKind::kReordered, i + 2));
  }
}

TEST_CASE("verifier: cut off anywhere", "[audit]") {
  const SmallLog log = small_log();
  std::size_t cuts = 0;
  for (std::size_t size = 0; size < log.text.size(); ++size, ++cuts) {
    const Verified verified = verify(std::string_view(log.text).substr(0, size), log.head);
    const bool at_line = size == 0 || log.text[size - 1] == '\n';
    bool found = false;
    for (const AuditFinding& finding : verified.findings)
      found = found || finding.kind == (at_line ? AuditFindingKind::kTruncated : AuditFindingKind::kIncomplete);
    if (!found) FAIL("cut at " << size);
  }
  CHECK(cuts == log.text.size());
}

TEST_CASE("verifier: without its head nobody can say that the end is missing", "[audit]") {
  const SmallLog log = small_log();
  std::vector<std::string> lines = log.lines;
  lines.resize(10);
  CHECK(verify(joined(lines)).clean());
  CHECK(verify(joined(lines)).summary.unsigned_records == 10);
  CHECK(verify(joined(lines), log.head).has(AuditFindingKind::kTruncated, 10));
}

TEST_CASE("verifier: two logs in one", "[audit]") {
  const SmallLog one = small_log();
  const SmallLog other = small_log();
  for (std::size_t i = 1; i < one.lines.size(); ++i) {
    std::vector<std::string> lines(one.lines.begin(), one.lines.begin() + static_cast<std::ptrdiff_t>(i));
    lines.insert(lines.end(), other.lines.begin() + static_cast<std::ptrdiff_t>(i), other.lines.end());
    const Verified verified = verify(joined(lines), one.head);
    REQUIRE_FALSE(verified.clean());
    CHECK(verified.findings.front().line == i + 1);
  }
  CHECK_FALSE(verify(other.text, one.head).clean());
}

TEST_CASE("verifier: heads of somebody else, and forged ones", "[audit]") {
  const SmallLog log = small_log();
  CHECK(verify(log.text, {}, 2).has(AuditFindingKind::kForeignKey, 20));
  CHECK(verify(log.text, log.head, 2).has(AuditFindingKind::kForeignKey, 1));
  // The last record changed, the chain and the head made anew: but without the key.
  std::vector<std::string> lines = log.lines;
  const auto before = AuditLine::parse(std::string_view(lines[18]).substr(0, lines[18].size() - 1));
  std::string body(AuditLine::parse(std::string_view(lines[19]).substr(0, lines[19].size() - 1))->hashed);
  body.erase(0, body.find("\"run\""));
  body[body.find("writ\"")] = 'w';
  const std::size_t time = body.find("\"time\":\"") + 8;
  body[time] = body[time] == '3' ? '4' : '3';
  ChainState state{before->sequence, before->hash};
  std::string forged;
  append_chained(body, state, forged);
  lines[19] = forged;
  const Verified verified = verify(joined(lines));
  CHECK(verified.has(AuditFindingKind::kBadSignature, 20));
  CHECK(verified.summary.unsigned_records == 20);
}

TEST_CASE("verifier: hostile bytes are findings, never more", "[audit]") {
  for (const std::string& text :
       {std::string("\n"), std::string("\n\n\n"), std::string("{}\n"), std::string(300000, 'x'),
        std::string(3, '\0') + "\n", std::string("{\"v\":1,\"seq\":99999999999999999999\n"),
        std::string("{\"export\":1,\"seq\":1,\"hash\":\"zz\"}\n")})
    CHECK_FALSE(verify(text).clean());
}

}  // namespace
}  // namespace writ::audit_tests
