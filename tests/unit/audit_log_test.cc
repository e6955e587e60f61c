// The writer: golden lines, caps, several writers, what is half written, segments, what cannot be written.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "broker/base/hex_text.h"
#include "broker/base/json_text.h"
#include "tests/unit/audit_fixture.h"

namespace writ::audit_tests {
namespace {

std::string encoded(const AuditRecord& record) {
  const Redactor redactor(secret_of(7));
  RunId run;
  run.bytes.fill(0xAB);
  AuditEncoder encoder(redactor, run);
  std::string out;
  encoder.append(record, RecordNumber{3}, {{1'796'000'000, 7}, 42}, out);
  return out;
}

constexpr std::string_view kStart =
    R"("run":"abababababababababababababababab","n":3,"time":"2026-11-30T00:53:20.000000007Z","mono":42,"event":)";

TEST_CASE("audit record: golden lines", "[audit]") {
  AuditRecord decision(AuditEvent::kDecision, "/bin/cat", RecordNumber{2});
  decision.set(AuditField::kOutcome, "deny").set(AuditField::kObject, "/a \"b\"\\c\n\xff\xc3\xbc");
  decision.set(AuditField::kObjectKind, "path").set(AuditField::kTimes, std::uint64_t{4});
  decision.set(AuditField::kStatus, std::uint64_t{1});  // no field of a decision
  CHECK(encoded(decision) ==
        std::string(kStart) + R"("decision","parent":2,"subject":"/bin/cat","object_kind":"path",)" +
            R"("object":"/a \"b\"\\\\c\\x0a\\xff)" + "\xc3\xbc" + R"(","outcome":"deny","times":4)");
  const std::vector<std::string> argv = {"sh", "-c", "A_TOKEN=x"};
  AuditRecord start(AuditEvent::kStart, kSubjectWrit);
  start.set(AuditField::kArgv, argv).set(AuditField::kProfile, "default");
  const std::string mark = Redactor(secret_of(7)).mark("setting", "x");
  CHECK(encoded(start) == std::string(kStart) + R"("start","parent":0,"subject":"writ","argv":["sh","-c","A_TOKEN=)" +
                              mark + R"("],"profile":"default")");
}

TEST_CASE("audit record: dates", "[audit]") {
  const Redactor redactor(secret_of(7));
  AuditEncoder encoder(redactor, RunId{});
  for (const auto& [second, date] :
       std::vector<std::pair<std::time_t, std::string>>{{0, "1970-01-01T00:00:00"},
                                                        {951'782'399, "2000-02-28T23:59:59"},
                                                        {951'782'400, "2000-02-29T00:00:00"},
                                                        {951'868'800, "2000-03-01T00:00:00"},
                                                        {1'709'164'800, "2024-02-29T00:00:00"},
                                                        {4'107'542'400, "2100-03-01T00:00:00"}}) {
    std::string out;
    encoder.append(AuditRecord(AuditEvent::kExit, "x"), {}, {{second, 999'999'999}, 0}, out);
    CHECK(out.find("\"time\":\"" + date + ".999999999Z\"") != std::string::npos);
  }
}

TEST_CASE("audit record: long values are cut, with their length and keyed hash", "[audit]") {
  const std::string path = "/" + std::string(5000, 'a');
  AuditRecord record(AuditEvent::kDecision, "x");
  record.set(AuditField::kObject, path);
  const std::string digest = hex_text(keyed_hash(secret_of(7), path));
  CHECK(encoded(record).ends_with(R"("object":")" + path.substr(0, kAuditTextLimit) +
                                  R"(","object_bytes":5001,"object_hmac":")" + digest + "\""));
  const std::vector<std::string> argv(100, std::string(100, 'b'));
  AuditRecord start(AuditEvent::kStart, "x");
  start.set(AuditField::kArgv, argv);
  CHECK(encoded(start).find("\"argv_count\":100,\"argv_hmac\":\"") != std::string::npos);
}

// Every field of every event at its largest, in bytes that need most room.
TEST_CASE("audit record: no line is longer than a reader takes", "[audit]") {
  const std::string text(100'000, '\x01');
  const std::vector<std::string> list(200, std::string(300, '\x02'));
  for (std::size_t i = 0; i < kAuditEventCount; ++i) {
    AuditRecord record(static_cast<AuditEvent>(i), text);
    for (std::size_t f = 0; f < kAuditFieldCount; ++f) {
      const auto field = static_cast<AuditField>(f);
      if (kAuditFields[f].kind == FieldKind::kText) record.set(field, text);
      if (kAuditFields[f].kind == FieldKind::kNumber) record.set(field, ~std::uint64_t{0});
      if (kAuditFields[f].kind == FieldKind::kList) record.set(field, list);
      if (kAuditFields[f].kind == FieldKind::kWord) record.set(field, std::string_view("word"));
    }
    ChainState state;
    std::string line;
    append_chained(encoded(record), state, line);
    INFO(kAuditEvents[i].name << " " << line.size());
    CHECK(line.size() < kAuditLineLimit);
    line.pop_back();
    const auto parsed = AuditLine::parse(line);
    REQUIRE(parsed);
    CHECK(parsed->event == static_cast<AuditEvent>(i));
    CHECK(parse_json(line));
  }
}

TEST_CASE("audit log: every line is JSON, and the numbers of a run have no gap", "[audit]") {
  const ScratchDirectory directory;
  write_run(directory, 20);
  std::uint64_t number = 0;
  for (const std::string& line : lines_of(directory.read("audit.jsonl"))) {
    CHECK(parse_json(std::string_view(line).substr(0, line.size() - 1)));
    const auto parsed = AuditLine::parse(std::string_view(line).substr(0, line.size() - 1));
    REQUIRE(parsed);
    if (parsed->number != 0) CHECK(parsed->number == ++number);
  }
  CHECK(number == 20);
}

TEST_CASE("audit log: several writers of one file, taking turns", "[audit]") {
  const ScratchDirectory directory;
  std::vector<std::unique_ptr<AuditLog>> logs;
  for (int i = 0; i < 5; ++i) logs.push_back(open_log(directory));
  for (int round = 0; round < 10; ++round)
    for (const auto& log : logs) {
      append_decision(*log, "/x");
      REQUIRE(log->flush());
    }
  for (const auto& log : logs) REQUIRE(log->finish());
  const Verified verified = verify(directory.read("audit.jsonl"), directory.read("audit.jsonl.head"));
  CHECK(verified.clean());
  CHECK(verified.summary.records == 1 + 50 + 5);
}

TEST_CASE("audit log: several writers at the same time", "[audit]") {
  const ScratchDirectory directory;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&directory] {
      auto held = HeldDirectory::open(directory.path());
      auto log = AuditLog::open(std::move(*held), "audit.jsonl", keys_of(1), {});
      for (int round = 0; round < 100; ++round) {
        append_decision(**log, "/x/" + std::to_string(round));
        if (round % 3 == 0) (void)(*log)->flush();
      }
      (void)(*log)->finish();
    });
  for (std::thread& thread : threads) thread.join();
  const Verified verified = verify(directory.read("audit.jsonl"), directory.read("audit.jsonl.head"));
  CHECK(verified.clean());
  CHECK(verified.summary.records == 1 + 400 + 4);
}

TEST_CASE("audit log: cut off anywhere, the next run seals it and goes on", "[audit]") {
  const ScratchDirectory directory;
  write_run(directory, 3);
  const std::string text = directory.read("audit.jsonl");
  std::size_t sealed = 0;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    directory.write("audit.jsonl", text.substr(0, size));
    std::filesystem::remove(directory.path("audit.jsonl.head"));  // which would tell that more was here
    write_run(directory, 1);
    const std::string after = directory.read("audit.jsonl");
    REQUIRE(after.starts_with(text.substr(0, size)));
    const Verified verified = verify(after);
    const bool at_line = size == 0 || text[size - 1] == '\n' || (size < text.size() && text[size] == '\n');
    if (at_line) {
      if (!verified.clean()) FAIL("cut at " << size << ": " << verified.findings[0].text);
      continue;
    }
    ++sealed;
    if (verified.findings.size() != 1 || verified.findings[0].kind != AuditFindingKind::kIncomplete)
      FAIL("cut at " << size << ": " << verified.findings.size());
  }
  CHECK(sealed > text.size() / 2);
}

TEST_CASE("audit log: segments are one chain", "[audit]") {
  const ScratchDirectory directory;
  AuditLogOptions options;
  options.segment_bytes = 4096;
  for (int i = 0; i < 10; ++i) write_run(directory, 5, 1, options);
  auto archives = archived_segments(directory.held().descriptor(), "audit.jsonl");
  REQUIRE(archives);
  CHECK(archives->size() >= 3);
  std::vector<AuditFinding> findings;
  AuditVerifier verifier(keys_of(1).signing.public_key(),
                         [&](AuditFinding finding) { findings.push_back(std::move(finding)); });
  verifier.expect_head(directory.read("audit.jsonl.head"), "head");
  archives->push_back("audit.jsonl");
  for (const std::string& name : *archives) {
    verifier.begin_file(name);
    verifier.feed(directory.read(name));
    verifier.end_file();
  }
  const AuditSummary& summary = verifier.finish();
  for (const AuditFinding& finding : findings)
    UNSCOPED_INFO(finding.file << ":" << finding.line << " " << finding.text);
  CHECK(findings.empty());
  CHECK(summary.records == 10 * 6 + 1 + 2 * (archives->size() - 1));
}

TEST_CASE("audit log: two writers across the end of a segment, and one that was killed in it", "[audit]") {
  const ScratchDirectory directory;
  AuditLogOptions options;
  options.segment_bytes = 3000;
  auto one = open_log(directory, options);
  auto other = open_log(directory, options);
  for (int i = 0; i < 30; ++i) {
    append_decision(i % 2 == 0 ? *one : *other, "/x/" + std::to_string(i));
    REQUIRE((i % 2 == 0 ? *one : *other).flush());
  }
  REQUIRE(one->finish());
  // As if somebody had been killed between the two renames.
  auto archives = archived_segments(directory.held().descriptor(), "audit.jsonl");
  REQUIRE(archives->size() >= 2);
  const auto end = AuditLine::parse(head_line_of(directory.read("audit.jsonl.head")));
  std::filesystem::rename(directory.path("audit.jsonl"), directory.path(archive_name("audit.jsonl", end->sequence)));
  write_run(directory, 2, 1, options);
  archives = archived_segments(directory.held().descriptor(), "audit.jsonl");
  std::string whole;
  for (const std::string& name : *archives) whole += directory.read(name);
  whole += directory.read("audit.jsonl");
  const Verified verified = verify(whole, directory.read("audit.jsonl.head"));
  for (const AuditFinding& finding : verified.findings) UNSCOPED_INFO(finding.line << " " << finding.text);
  CHECK(verified.clean());
}

TEST_CASE("audit log: a removed log is not forgotten", "[audit]") {
  const ScratchDirectory directory;
  write_run(directory, 5);
  std::filesystem::remove(directory.path("audit.jsonl"));
  write_run(directory, 1);
  const Verified verified = verify(directory.read("audit.jsonl"), directory.read("audit.jsonl.head"));
  REQUIRE(verified.findings.size() == 1);
  CHECK(verified.findings[0].kind == AuditFindingKind::kDeleted);
  CHECK(verified.findings[0].text.find("7 records") != std::string::npos);
}

// RLIMIT_FSIZE stands for a full disk: write(2) stops in the middle, then fails. This process is the test's own.
TEST_CASE("audit log: what cannot be written is counted, and the log says so", "[audit]") {
  std::signal(SIGXFSZ, SIG_IGN);
  const ScratchDirectory directory;
  auto log = open_log(directory);
  append_decision(*log, "/before");
  REQUIRE(log->flush());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{std::filesystem::file_size(directory.path("audit.jsonl")) + 600, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  for (int i = 0; i < 10; ++i) append_decision(*log, "/lost/" + std::to_string(i));
  const Status failed = log->flush();
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().system_errno == EFBIG);
  CHECK(log->counts().written == 2);
  CHECK(log->counts().lost == 9);
  append_decision(*log, "/after");
  REQUIRE(log->finish());
  const Verified verified = verify(directory.read("audit.jsonl"), directory.read("audit.jsonl.head"));
  for (const AuditFinding& finding : verified.findings) UNSCOPED_INFO(finding.line << " " << finding.text);
  REQUIRE(verified.findings.size() == 2);
  CHECK(verified.has(AuditFindingKind::kIncomplete, 4));
  CHECK(verified.findings[1].text.find("9 records") != std::string::npos);
}

TEST_CASE("audit log: links, other kinds of files and open modes are refused", "[audit]") {
  const ScratchDirectory directory;
  const auto refused = [&directory] {
    return !AuditLog::open(directory.held(), "audit.jsonl", keys_of(1), {}).has_value();
  };
  directory.write("real", "");
  REQUIRE(::symlink("real", directory.path("audit.jsonl").c_str()) == 0);
  CHECK(refused());
  std::filesystem::remove(directory.path("audit.jsonl"));
  REQUIRE(::link(directory.path("real").c_str(), directory.path("audit.jsonl").c_str()) == 0);
  CHECK(refused());
  std::filesystem::remove(directory.path("audit.jsonl"));
  REQUIRE(::mkfifo(directory.path("audit.jsonl").c_str(), 0600) == 0);
  CHECK(refused());
  std::filesystem::remove(directory.path("audit.jsonl"));
  directory.write("audit.jsonl", "dear diary\n");
  CHECK(refused());
  directory.write("audit.jsonl", "");
  REQUIRE(::chmod(directory.path("audit.jsonl").c_str(), 0666) == 0);
  CHECK(refused());
  REQUIRE(::chmod(directory.path("audit.jsonl").c_str(), 0600) == 0);
  CHECK_FALSE(refused());
}

TEST_CASE("keys: many first runs at the same time agree on one", "[audit]") {
  const ScratchDirectory directory;
  std::vector<std::string> keys(8);
  std::vector<std::thread> threads;
  for (std::string& key : keys)
    threads.emplace_back([&directory, &key] {
      const auto own = HeldDirectory::open(directory.path());
      const auto opened = InstallationKeys::open(*own);
      key = opened ? hex_text(opened->signing.public_key()) : opened.error().describe();
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& key : keys) CHECK(key == keys[0]);
  CHECK(keys[0].size() == 64);
  const auto read = InstallationKeys::read(*HeldDirectory::open(directory.path()));
  REQUIRE(read);
  // The stored public key is the seed's.
  CHECK(is_signature_of(read->signing.sign("x"), "x", read->signing.public_key()));
}

TEST_CASE("keys: a file that others can read, or that is none, is refused", "[audit]") {
  const ScratchDirectory directory;
  REQUIRE(InstallationKeys::open(directory.held()));
  REQUIRE(::chmod(directory.path("keys/audit.key").c_str(), 0644) == 0);
  CHECK_FALSE(InstallationKeys::open(directory.held()));
  REQUIRE(::chmod(directory.path("keys/audit.key").c_str(), 0600) == 0);
  CHECK(InstallationKeys::open(directory.held()));
  directory.write("keys/audit.key", "short");
  CHECK_FALSE(InstallationKeys::open(directory.held()));
}

}  // namespace
}  // namespace writ::audit_tests
