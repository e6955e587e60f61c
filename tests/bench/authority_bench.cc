// What authority and its record cost: decide + reserve + settle in memory, one-shots that are on the disk when they are
// said to be taken, one audit record on the path of a tool's call, and reading a log back to verify it. Prints JSON.
//
// usage: authority_bench DIRECTORY   (an empty one; what is written there stays)
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "broker/audit/audit_log.h"
#include "broker/audit/audit_verifier.h"
#include "broker/audit/segment_files.h"
#include "broker/authority/durable_authority.h"

namespace {

using namespace writ;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kCapabilities = 1000;
constexpr std::size_t kRounds = 5;
constexpr std::size_t kCycles = 200'000;  // in memory, each round
constexpr std::size_t kBatch = 512;
constexpr std::size_t kBatches = 8;
constexpr std::size_t kRecords = 200'000;
constexpr std::size_t kRecordsBetweenFlushes = 64;

[[noreturn]] void stop(const Error& error) {
  std::fprintf(stderr, "authority_bench: %s\n", error.describe().c_str());
  std::exit(1);
}

template <class T>
T needed(Result<T> result) {
  if (!result) stop(result.error());
  return std::move(*result);
}

void need(const Status& status) {
  if (!status) stop(status.error());
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> samples) {
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2), samples.end());
  return samples[samples.size() / 2];
}

Subject agent(std::size_t number) { return needed(Subject::parse("agent:a" + std::to_string(number))); }
Actor person() { return {needed(Subject::parse("user:0")), ActingAs::kPerson}; }

CapabilityDraft draft(const Subject& subject, const std::string& resource) {
  return {subject, needed(TypedResource::parse(resource)), {CapabilityRight::kRead}};
}

std::vector<CapabilityRequest> requests(std::size_t count, const std::string& name) {
  std::vector<CapabilityRequest> made;
  for (std::size_t i = 0; i < count; ++i)
    made.push_back({agent(i), CapabilityRight::kRead,
                    needed(TypedResource::parse_exact("filesystem:/srv/data/" + std::to_string(i) + name))});
  return made;
}

// Each subject has one capability among a thousand; every second one is counted.
double cycles_per_second(CapabilityTable& table, const std::vector<CapabilityRequest>& asked, std::size_t cycles) {
  const AuthorityTime time = system_authority_time();
  const auto start = Clock::now();
  for (std::size_t i = 0; i < cycles; ++i) {
    const CapabilityRequest& request = asked[i % asked.size()];
    const ReserveAnswer answer = table.reserve(request, time);
    if (!answer.reservation || !table.may_proceed(answer.reservation->id, time)) stop({"a use was refused", 0, ""});
    need(table.settle(answer.reservation->id, EffectOutcome::kDone));
  }
  return static_cast<double>(cycles) / seconds_since(start);
}

double measure_memory() {
  CapabilityTable table(system_random_bits);
  for (std::size_t i = 0; i < kCapabilities; ++i) {
    CapabilityDraft made = draft(agent(i), "filesystem:/srv/data/" + std::to_string(i) + "/*");
    if (i % 2 == 0) made.uses = 1'000'000;
    (void)needed(table.grant(person(), std::move(made), system_authority_time()));
  }
  const auto asked = requests(kCapabilities, "/a");
  std::vector<double> samples;
  for (std::size_t round = 0; round < kRounds; ++round) samples.push_back(cycles_per_second(table, asked, kCycles));
  return median(samples);
}

std::vector<AuthorityOperation> grants_of_one_shots(std::size_t batch) {
  std::vector<AuthorityOperation> operations;
  for (std::size_t i = 0; i < kBatch; ++i) {
    CapabilityDraft made = draft(agent(i), "filesystem:/srv/data/" + std::to_string(i) + "/" + std::to_string(batch));
    made.uses = 1;
    operations.push_back(GrantOperation{person(), std::move(made)});
  }
  return operations;
}

// One-shots for each second: reserved in one transaction, settled in another, both on the disk when they return.
double one_shots_per_second(DurableAuthority& authority, std::size_t batch) {
  (void)needed(authority.apply(grants_of_one_shots(batch)));
  std::vector<AuthorityOperation> reserve;
  for (CapabilityRequest& request : requests(kBatch, "/" + std::to_string(batch)))
    reserve.push_back(ReserveOperation{std::move(request)});
  const auto start = Clock::now();
  std::vector<AuthorityOperation> settle;
  for (auto& answer : needed(authority.apply(reserve))) {
    const auto& reserved = std::get<ReserveAnswer>(needed(std::move(answer)));
    if (!reserved.reservation) stop({"a one-shot was refused", 0, ""});
    if (!needed(authority.may_proceed(reserved.reservation->id))) stop({"a reservation did not stand", 0, ""});
    settle.push_back(SettleOperation{reserved.reservation->id, EffectOutcome::kDone});
  }
  for (auto& answer : needed(authority.apply(settle))) (void)needed(std::move(answer));
  return static_cast<double>(kBatch) / seconds_since(start);
}

double measure_durable(const std::string& directory) {
  const auto authority = needed(DurableAuthority::open(needed(Store::open(directory + "/store"))));
  std::vector<double> samples;
  for (std::size_t batch = 0; batch < kBatches; ++batch) samples.push_back(one_shots_per_second(*authority, batch));
  return median(samples);
}

AuditRecord record_about(const std::string& path, std::string_view program) {
  AuditRecord record(AuditEvent::kDecision, program);
  record.set(AuditField::kAction, "open").set(AuditField::kObjectKind, "path").set(AuditField::kObject, path);
  record.set(AuditField::kRights, "read").set(AuditField::kOutcome, "allow").set(AuditField::kCause, "rule");
  record.set(AuditField::kRule, "allow read /srv/data/*").set(AuditField::kOrigin, "profile.yaml:12:5");
  return record;
}

struct AppendFigures {
  double nanoseconds = 0;        // on the caller's path
  double flush_nanoseconds = 0;  // of each record, off it
};

AppendFigures measure_append(const std::string& directory) {
  AuditLogOptions options;
  options.segment_bytes = 0;
  const auto keys = needed(InstallationKeys::open(needed(HeldDirectory::make(directory + "/keys"))));
  const auto log = needed(AuditLog::open(needed(HeldDirectory::open(directory)), "audit.jsonl", keys, options));
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < 256; ++i) paths.push_back("/srv/data/customers/2026/file-" + std::to_string(i) + ".csv");
  std::vector<double> spent;
  double flushing = 0;
  for (std::size_t done = 0; done < kRecords; done += kRecordsBetweenFlushes) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < kRecordsBetweenFlushes; ++i) (void)log->append(record_about(paths[i % 256], "python3"));
    spent.push_back(seconds_since(start) / static_cast<double>(kRecordsBetweenFlushes));
    const auto written = Clock::now();
    need(log->flush());
    flushing += seconds_since(written);
  }
  need(log->finish());
  return {median(spent) * 1e9, flushing / kRecords * 1e9};
}

double megabytes_verified_per_second(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<double> samples;
  for (std::size_t round = 0; round < kRounds; ++round) {
    std::size_t findings = 0;
    const auto start = Clock::now();
    AuditVerifier verifier(std::nullopt, [&](const AuditFinding&) { ++findings; });
    verifier.begin_file(path);
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    for (std::size_t at = 0; at < bytes.size(); at += kPiece) verifier.feed(std::string_view(bytes).substr(at, kPiece));
    verifier.end_file();
    const AuditSummary& summary = verifier.finish();
    if (findings != 0 || summary.records < kRecords) stop({"the log does not verify", 0, ""});
    samples.push_back(static_cast<double>(bytes.size()) / 1e6 / seconds_since(start));
  }
  return median(samples);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: authority_bench DIRECTORY\n", stderr);
    return 2;
  }
  const std::string directory = argv[1];
  const double memory = measure_memory();
  const double durable = measure_durable(directory);
  const AppendFigures append = measure_append(directory);
  const double verified = megabytes_verified_per_second(directory + "/audit.jsonl");
  std::printf(
      "{\"memory_per_second\": %.0f, \"durable_per_second\": %.0f, \"append_ns\": %.0f, \"flush_ns\": %.0f, "
      "\"verify_mb_per_second\": %.1f}\n",
      memory, durable, append.nanoseconds, append.flush_nanoseconds, verified);
  return 0;
}
