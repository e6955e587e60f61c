#include "launcher/audit_show.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>

#include "broker/audit/audit_export.h"
#include "broker/base/unique_fd.h"
#include "broker/sandbox/launch.h"
#include "launcher/audit_reading.h"
#include "launcher/audit_table.h"
#include "launcher/message.h"

namespace writ {
namespace {

constexpr int kLookAgain = 200'000;  // microseconds between two looks of tail -f

int complain(const Error& error) {
  print_message(error.describe());
  return kExitWritFailed;
}

// Prints records as they come, in the form that was asked for.
class RecordPrinter {
 public:
  explicit RecordPrinter(const AuditOptions& options)
      : is_json_(options.format == OutputFormat::kJson), colour_(colour_for_standard_output()) {}

  // False when there is nobody to read it any more.
  bool print(const AuditLine& line, std::string_view text) {
    if (is_json_) return print_standard_output(std::string(text) + "\n");
    if (!has_head_ && !print_standard_output(audit_table_head(colour_))) return false;
    has_head_ = true;
    return print_standard_output(audit_row(line, colour_));
  }

 private:
  bool is_json_;
  Colour colour_;
  bool has_head_ = false;
};

// One file that grows, from where it was left.
class GrowingLog {
 public:
  explicit GrowingLog(std::string path) : path_(std::move(path)) {}

  // Passes on the lines that came since the last time. When another segment has begun, it goes on with that.
  template <class Take>
  Status read_more(const Take& take) {
    if (!file_.valid()) file_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file_.valid()) return errno == ENOENT ? Status() : Status(fail_errno(errno, "cannot read the audit log"));
    std::string chunk(std::size_t{64} << 10, '\0');
    for (ssize_t got = 1; got > 0;) {
      got = ::read(file_.get(), chunk.data(), chunk.size());
      if (got > 0) carried_.append(chunk, 0, static_cast<std::size_t>(got));
      take_lines(take);
    }
    if (was_replaced()) {
      file_.reset();
      carried_.clear();
    }
    return {};
  }

 private:
  template <class Take>
  void take_lines(const Take& take) {
    for (std::size_t end = carried_.find('\n'); end != std::string::npos; end = carried_.find('\n')) {
      const std::string text = carried_.substr(0, end);
      carried_.erase(0, end + 1);
      if (const auto line = AuditLine::parse(text)) take(*line, text);
    }
  }

  [[nodiscard]] bool was_replaced() const {
    struct stat held {};
    struct stat named {};
    return ::fstat(file_.get(), &held) == 0 && ::stat(path_.c_str(), &named) == 0 && held.st_ino != named.st_ino;
  }

  std::string path_;
  UniqueFd file_;
  std::string carried_;  // the beginning of a line
};

int follow(const AuditOptions& options, const std::string& path, std::uint64_t from) {
  RecordPrinter printer(options);
  GrowingLog log(path);
  bool is_heard = true;
  while (is_heard) {
    const Status read = log.read_more([&](const AuditLine& line, std::string_view text) {
      if (line.sequence >= from && options.filter.wants(line)) is_heard = is_heard && printer.print(line, text);
    });
    if (!read) return complain(read.error());
    ::usleep(kLookAgain);
  }
  return 0;
}

}  // namespace

int run_audit_show(const AuditOptions& options) {
  const auto files = find_audit_files(options);
  if (!files) return complain(files.error());
  RecordPrinter printer(options);
  bool is_heard = true;
  for (const std::string& segment : files->segments) {
    const Status read = read_audit_lines(segment, [&](const AuditLine& line, std::string_view text) {
      if (options.filter.wants(line)) is_heard = printer.print(line, text);
      return is_heard;
    });
    if (!read) return complain(read.error());
    if (is_heard) continue;
    print_message("cannot write to standard output: " + std::string(std::strerror(errno)));
    return kExitWritFailed;
  }
  return 0;
}

int run_audit_tail(const AuditOptions& options) {
  const auto files = find_audit_files(options);
  if (!files) return complain(files.error());
  std::deque<std::string> last;
  for (const std::string& segment : files->segments) {
    const Status read = read_audit_lines(segment, [&](const AuditLine& line, std::string_view text) {
      if (!options.filter.wants(line)) return true;
      last.emplace_back(text);
      if (last.size() > options.count) last.pop_front();
      return true;
    });
    if (!read) return complain(read.error());
  }
  if (options.following == Following::kYes) {
    const auto first = last.empty() ? std::nullopt : AuditLine::parse(last.front());
    return follow(options, files->segments.back(), first ? first->sequence : 0);
  }
  RecordPrinter printer(options);
  for (const std::string& text : last)
    if (const auto line = AuditLine::parse(text); line && !printer.print(*line, text)) return kExitWritFailed;
  return 0;
}

namespace {

// The places of the first and the last record that is wanted, and of the next head: a stretch that proves itself.
struct Stretch {
  std::uint64_t first = 0;  // 0: none is wanted
  std::uint64_t last = 0;
  ChainState before;  // the first
};

Result<Stretch> find_stretch(const AuditOptions& options, const AuditFiles& files) {
  Stretch stretch;
  ChainState previous;
  bool is_signed = false;
  for (const std::string& segment : files.segments)
    WRIT_TRY(read_audit_lines(segment, [&](const AuditLine& line, std::string_view) {
      if (options.filter.wants(line)) {
        if (stretch.first == 0) stretch.before = previous;
        if (stretch.first == 0) stretch.first = line.sequence;
        stretch.last = line.sequence;
        is_signed = false;
      }
      // The first head behind the last wanted record, or that record itself.
      if (line.event == AuditEvent::kHead && stretch.first != 0 && !is_signed) {
        stretch.last = line.sequence;
        is_signed = true;
      }
      previous = {line.sequence, line.hash};
      return true;
    }));
  return stretch;
}

}  // namespace

int run_audit_export(const AuditOptions& options) {
  const auto files = find_audit_files(options);
  if (!files) return complain(files.error());
  const auto stretch = find_stretch(options, *files);
  if (!stretch) return complain(stretch.error());
  const bool is_csv = options.export_format == ExportFormat::kCsv;
  std::string head = is_csv ? audit_csv_head() : "";
  if (!is_csv && stretch->first > 1) head = export_anchor(stretch->before) + "\n";
  bool is_heard = print_standard_output(head);
  for (const std::string& segment : files->segments) {
    const Status read = read_audit_lines(segment, [&](const AuditLine& line, std::string_view text) {
      if (stretch->first == 0 || line.sequence < stretch->first) return true;
      if (line.sequence > stretch->last) return false;
      if (is_csv && !options.filter.wants(line)) return true;
      is_heard = is_heard && print_standard_output(is_csv ? audit_csv_row(line) : std::string(text) + "\n");
      return is_heard;
    });
    if (!read) return complain(read.error());
  }
  if (is_heard) return 0;
  print_message("cannot write to standard output: " + std::string(std::strerror(errno)));
  return kExitWritFailed;
}

}  // namespace writ
