// AuditVerifier: reads an audit log from beginning to end and says what is wrong with it, and where.
//
// It trusts the lines for nothing but their place in the chain, which each must prove by its hash; and the chain for
// what a signed head confirms. Lines are not parsed as JSON: a line whose hash is right is what the writer wrote.
//
// Files are fed in their order. Findings come in the order of the lines. Threads: one at a time; makes no system call.
#ifndef WRIT_BROKER_AUDIT_AUDIT_VERIFIER_H_
#define WRIT_BROKER_AUDIT_AUDIT_VERIFIER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/audit/audit_chain.h"

namespace writ {

enum class AuditFindingKind : std::uint8_t {
  kEdited,        // a line is not what was written
  kDeleted,       // lines are missing
  kReordered,     // a line stands where it does not belong, or twice
  kTruncated,     // the end is missing: a head signs more than there is
  kForeignKey,    // a head of another installation, or of another log
  kBadSignature,  // a head that nobody with its key has signed
  kMalformed,     // no line of an audit log
  kIncomplete,    // something was never written, and the log or its end says so
};
inline constexpr std::array<std::string_view, 8> kFindingNames = {
    "edited", "deleted", "reordered", "truncated", "foreign_key", "bad_signature", "malformed", "incomplete"};
[[nodiscard]] constexpr std::string_view finding_name(AuditFindingKind kind) {
  return kFindingNames[static_cast<std::size_t>(kind)];
}

struct AuditFinding {
  AuditFindingKind kind;
  std::string file;        // as it was named to the verifier
  std::uint64_t line = 0;  // counts from 1; 0: the file as a whole
  std::string text;        // one sentence, escaped
};

struct AuditSummary {
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  std::uint64_t heads = 0;
  std::uint64_t findings = 0;
  std::uint64_t unsigned_records = 0;  // behind the last head whose signature is right
  ChainState end;                      // the last record that is in its place
  std::optional<PublicKey> key;        // of the last head
};

class AuditVerifier {
 public:
  using OnFinding = std::function<void(AuditFinding)>;

  // `trusted`: whose heads count. Nothing: those of the key that signs the first one; the caller should show it.
  AuditVerifier(std::optional<PublicKey> trusted, OnFinding on_finding)
      : trusted_(trusted), on_finding_(std::move(on_finding)) {}

  // Before the first file: the log must hold this head (the text of its line), or a line with this hash.
  void expect_head(std::string_view line, const std::string& origin);
  void expect_hash(const Sha256Digest& hash);

  void begin_file(std::string name);
  void feed(std::string_view bytes);
  void end_file();

  // After the last file.
  [[nodiscard]] const AuditSummary& finish();

 private:
  struct Place {
    std::string file;
    std::uint64_t line = 0;
  };
  struct ExpectedHead {
    std::string origin;
    std::string log;
    std::uint64_t sequence = 0;
    Sha256Digest hash{};
    bool seen = false;
  };
  // Lines that are no lines, until the next one says whether somebody has sealed them.
  struct Broken {
    Place place;
    std::uint64_t lines = 0;
    std::string text;  // of the first one
  };
  // A jump in the places, until the next line says what it is.
  struct Gap {
    Place place;
    std::uint64_t expected = 0;
    std::uint64_t found = 0;
    Sha256Digest claimed{};
  };
  struct SeenHead {
    Place place;
    std::string line;
  };

  void take_line(std::string_view text);
  void take_anchor(std::string_view text);
  void take_broken(std::string_view text);
  void settle_broken(const AuditLine* next);
  void settle_gap(const AuditLine* next);
  void take_in_order(const AuditLine& line, bool after_broken);
  void take_out_of_order(const AuditLine& line);
  void take_event(const AuditLine& line, std::string_view text, bool is_right);
  void take_head(const AuditLine& line, std::string_view text, bool is_right);
  void compare_with_expected(const AuditLine& line);
  [[nodiscard]] bool follows(const AuditLine& line) const;
  void check_signatures();
  [[nodiscard]] bool is_trusted(const AuditHead& head, const Place& place);
  void report(AuditFindingKind kind, const Place& place, std::string text);

  std::optional<PublicKey> trusted_;
  OnFinding on_finding_;
  std::vector<ExpectedHead> expected_;
  std::vector<Sha256Digest> expected_hashes_;
  Place place_;
  std::string carried_;  // the beginning of a line whose rest has not come yet
  bool has_begun_ = false;
  std::string log_;
  ChainState last_;                        // of the lines in order: as the last one claims
  std::optional<Sha256Digest> corrected_;  // its hash, where that is another one
  std::optional<Broken> broken_;
  std::optional<Gap> gap_;
  std::uint64_t explained_ = 0;  // place of a record whose disorder was reported already
  std::deque<SeenHead> heads_;
  AuditSummary summary_;
};

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_VERIFIER_H_
