#include "launcher/audit_verify.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "broker/audit/audit_verifier.h"
#include "broker/audit/installation_keys.h"
#include "broker/base/escape.h"
#include "broker/base/hex_text.h"
#include "broker/base/json_text.h"
#include "broker/sandbox/launch.h"
#include "launcher/audit_place.h"
#include "launcher/audit_reading.h"
#include "launcher/message.h"
#include "launcher/profile_store.h"

namespace writ {
namespace {

constexpr int kVerifySchemaVersion = 1;
constexpr std::size_t kSmallFile = std::size_t{256} << 10;

int complain(const Error& error) {
  print_message(error.describe());
  return kExitWritFailed;
}

Result<PublicKey> own_public_key() {
  WRIT_ASSIGN(const Person person, identify_person(::geteuid(), ::getegid()));
  WRIT_ASSIGN(const HeldDirectory own, HeldDirectory::open(person.state_home + "/writ"));
  WRIT_ASSIGN(const InstallationKeys keys, InstallationKeys::read(own));
  return keys.signing.public_key();
}

// Digits, or a file that holds them as `writ audit key` prints them.
Result<PublicKey> read_key(const std::string& typed) {
  PublicKey key;
  if (read_hex(typed, key)) return key;
  WRIT_ASSIGN(const std::string text, read_bounded_file(typed, kSmallFile));
  if (read_hex(std::string_view(text).substr(0, text.find_first_of(" \n")), key)) return key;
  return fail("--key: " + quote_bytes(typed, 80) + " is neither a key nor a file with one",
              "64 hexadecimal digits, as `writ audit key` prints them");
}

// Whose heads count. Nothing: there is no key here, and the log's own first head says.
Result<std::optional<PublicKey>> trusted_key(const AuditOptions& options) {
  if (!options.key.empty()) {
    WRIT_ASSIGN(const PublicKey key, read_key(options.key));
    return key;
  }
  auto own = own_public_key();
  if (own) return *own;
  if (own.error().system_errno == ENOENT) return std::nullopt;
  return tl::unexpected<Error>(std::move(own.error()));
}

Status expect_head(AuditVerifier& verifier, const AuditOptions& options, const AuditFiles& files) {
  if (options.head.empty()) {
    const auto beside = read_bounded_file(files.head, kSmallFile);
    if (beside) verifier.expect_head(*beside, files.head);
    return {};
  }
  Sha256Digest hash;
  if (read_hex(options.head, hash)) {
    verifier.expect_hash(hash);
    return {};
  }
  WRIT_ASSIGN(const std::string text, read_bounded_file(options.head, kSmallFile));
  verifier.expect_head(text, options.head);
  return {};
}

std::string finding_line(const AuditFinding& finding, Colour colour) {
  return escape_bytes(finding.file) + ":" + std::to_string(finding.line) + ": " +
         painted(finding_name(finding.kind),
                 finding.kind == AuditFindingKind::kIncomplete ? Tint::kWarning : Tint::kBad, colour) +
         ": " + finding.text + "\n";
}

std::string summary_text(const AuditSummary& summary, const std::vector<AuditFinding>& findings, Colour colour) {
  std::string text;
  for (const AuditFinding& finding : findings) text += finding_line(finding, colour);
  text += findings.empty() ? painted("sound", Tint::kGood, colour) : painted("not sound", Tint::kBad, colour);
  text += ": " + std::to_string(summary.records) + " records, " + std::to_string(summary.heads) + " heads, " +
          std::to_string(summary.findings) + " findings\n";
  if (summary.key)
    text += "signed by " + hex_text(*summary.key) + "; " + std::to_string(summary.unsigned_records) +
            " records behind the last head\n";
  else
    text += "no head confirms any of it\n";
  return text;
}

std::string summary_json(const AuditSummary& summary, const std::vector<AuditFinding>& findings) {
  JsonArray list;
  for (const AuditFinding& finding : findings)
    list.add(JsonObject()
                 .set("kind", finding_name(finding.kind))
                 .set("file", escape_bytes(finding.file))
                 .set("line", finding.line)
                 .set("text", finding.text));
  JsonObject object;
  object.set("schema", "writ.audit.verify").set("schema_version", kVerifySchemaVersion);
  object.set("sound", findings.empty()).set("records", summary.records).set("heads", summary.heads);
  object.set("bytes", summary.bytes).set("unsigned_records", summary.unsigned_records);
  object.set("last_seq", summary.end.sequence).set("last_hash", hex_text(summary.end.hash));
  if (summary.key) object.set("key", hex_text(*summary.key));
  object.set("findings", std::move(list)).set("findings_not_listed", summary.findings - findings.size());
  return JsonValue(std::move(object)).to_text(2) + "\n";
}

}  // namespace

int run_audit_verify(const AuditOptions& options) {
  constexpr std::size_t kListed = 1000;
  auto files = find_audit_files(options);
  if (!files) return complain(files.error());
  auto trusted = trusted_key(options);
  if (!trusted) return complain(trusted.error());
  std::vector<AuditFinding> findings;
  AuditVerifier verifier(*trusted, [&findings](AuditFinding finding) {
    if (findings.size() < kListed) findings.push_back(std::move(finding));
  });
  // Before the log is read: it only grows, so that what the head signs is there by then.
  if (const Status expected = expect_head(verifier, options, *files); !expected) return complain(expected.error());
  for (const std::string& segment : files->segments) {
    verifier.begin_file(segment);
    const Status read = read_audit_file(segment, [&verifier](std::string_view bytes) { verifier.feed(bytes); });
    if (!read) return complain(read.error());
    verifier.end_file();
  }
  const AuditSummary& summary = verifier.finish();
  const int status = summary.findings == 0 ? kExitAuditSound : kExitAuditFindings;
  return print_result(options.format == OutputFormat::kJson
                          ? summary_json(summary, findings)
                          : summary_text(summary, findings, colour_for_standard_output()),
                      status);
}

int run_audit_key(const AuditOptions& options) {
  const Result<PublicKey> key = own_public_key();
  if (!key && key.error().system_errno == ENOENT) {
    print_message("there is no key yet: the first `writ run` makes it");
    return kExitWritFailed;
  }
  if (!key) return complain(key.error());
  const std::string digits = hex_text(*key);
  if (options.format != OutputFormat::kJson) return print_result(digits + "\n", 0);
  JsonObject object;
  object.set("schema", "writ.audit.key").set("schema_version", 1).set("algorithm", "ed25519").set("public_key", digits);
  return print_result(JsonValue(std::move(object)).to_text(2) + "\n", 0);
}

}  // namespace writ
