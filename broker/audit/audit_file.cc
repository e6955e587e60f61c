#include "broker/audit/audit_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "broker/audit/segment_files.h"
#include "broker/base/escape.h"
#include "broker/base/hex_text.h"

namespace writ {

Result<AuditFile> AuditFile::open(HeldDirectory directory, const std::string& name) {
  AuditFile file(std::move(directory), name);
  WRIT_TRY(file.open_current());
  return file;
}

Status AuditFile::open_current() {
  WRIT_ASSIGN(file_, directory_.open_file(name_, O_RDWR | O_APPEND | O_CREAT));
  // O_NONBLOCK was for what is no regular file.
  if (::fcntl(file_.get(), F_SETFL, O_APPEND) != 0) return fail_errno(errno, "cannot use " + quote_bytes(path()));
  is_locked_ = false;
  knows_end_ = false;
  WRIT_ASSIGN(const SegmentBegin begin, read_segment_begin(file_.get(), path()));
  if (!begin.log.empty()) log_id_ = begin.log;
  return {};
}

Status AuditFile::lock_end(std::uint64_t limit, const SegmentBody& body) {
  constexpr int kPatience = 16;  // another process may begin a segment at the same time, and yet another
  for (int attempt = 0; attempt < kPatience; ++attempt) {
    while (!is_locked_) {
      is_locked_ = ::flock(file_.get(), LOCK_EX) == 0;
      if (!is_locked_ && errno != EINTR) return fail_errno(errno, "cannot lock " + quote_bytes(path()));
    }
    auto settled = settle(limit, body);
    if (!settled || !*settled) unlock();
    if (!settled) return tl::unexpected<Error>(std::move(settled.error()));
    if (*settled) return {};
    WRIT_TRY(open_current());
  }
  return fail("the audit log " + quote_bytes(path()) + " is replaced again and again");
}

// Reads the end again where others have written since.
Status AuditFile::know_end(std::uint64_t size) {
  if (knows_end_ && size == end_.size) return {};
  WRIT_ASSIGN(end_, read_segment_end(file_.get(), size, path()));
  knows_end_ = true;
  if (!log_id_.empty() || size == 0) return {};
  WRIT_ASSIGN(SegmentBegin begin, read_segment_begin(file_.get(), path()));
  log_id_ = std::move(begin.log);
  return {};
}

// True when the held file is the one to append to, and its end is known; false when it has to be opened anew.
Result<bool> AuditFile::settle(std::uint64_t limit, const SegmentBody& body) {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return fail_errno(errno, "cannot look at " + quote_bytes(path()));
  if (status.st_nlink == 0) return false;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  WRIT_TRY(know_end(size));
  if (end_.is_closed) {
    // By somebody who went on to make the next one, or was killed before.
    struct stat named {};
    const bool is_named = ::fstatat(directory_.descriptor(), name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                          named.st_ino == status.st_ino && named.st_dev == status.st_dev;
    if (is_named) WRIT_TRY(begin_next_segment(body));
    return false;
  }
  if (limit > 0 && size >= limit && end_.partial.empty() && !end_.needs_newline) {
    WRIT_TRY(close_segment(body));
    WRIT_TRY(begin_next_segment(body));
    return false;
  }
  if (end_.chain.sequence == 0) WRIT_TRY(begin_log());
  return true;
}

void AuditFile::unlock() {
  if (is_locked_) (void)::flock(file_.get(), LOCK_UN);
  is_locked_ = false;
}

// The file is new. A log may go on all the same: whoever made the last segment an archive was killed before the next
// one had a name.
Status AuditFile::begin_log() {
  WRIT_ASSIGN(const std::vector<std::string> archives, archived_segments(directory_.descriptor(), name_));
  if (!archives.empty()) {
    const std::string& last = archives.back();
    WRIT_ASSIGN(const UniqueFd file, directory_.open_file(last, O_RDONLY));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail_errno(errno, "cannot look at " + quote_bytes(last));
    WRIT_ASSIGN(const AuditEnd end, read_segment_end(file.get(), static_cast<std::uint64_t>(status.st_size), last));
    WRIT_ASSIGN(SegmentBegin begin, read_segment_begin(file.get(), last));
    end_.chain = end.chain;
    log_id_ = std::move(begin.log);
    return {};
  }
  std::array<std::uint8_t, 16> id{};
  WRIT_TRY(fill_random(id));
  log_id_ = hex_text(id);
  return note_replaced();
}

// A head without its log: somebody has removed the log. The new one says so.
Status AuditFile::note_replaced() {
  replaced_.reset();
  const auto file = directory_.open_file(head_name(name_), O_RDONLY);
  if (!file) return {};
  std::string text(kAuditLineLimit, '\0');
  const ssize_t got = ::read(file->get(), text.data(), text.size());
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  const auto line = AuditLine::parse(head_line_of(text));
  const auto head = line ? AuditHead::read(*line) : std::nullopt;
  if (head && head->log.size() == 32) replaced_ = {std::string(head->log), line->sequence};
  return {};
}

SegmentFacts AuditFile::first_facts() const {
  return {"begin", log_id_, end_.chain.hash, replaced_ ? &*replaced_ : nullptr};
}

std::size_t AuditFile::append(std::string_view text, const ChainState& chain, int& error) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t more = ::write(file_.get(), text.data() + written, text.size() - written);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) break;
    written += static_cast<std::size_t>(more);
  }
  error = written < text.size() ? errno : 0;
  knows_end_ = written == text.size();
  if (!knows_end_) return written;
  end_.size += written;
  end_.chain = chain;
  end_.partial.clear();
  end_.needs_newline = false;
  return written;
}

Status AuditFile::close_segment(const SegmentBody& body) {
  std::string line;
  ChainState chain = end_.chain;
  append_chained(body({"continued", log_id_, end_.chain.hash, nullptr}), chain, line);
  int error = 0;
  if (append(line, chain, error) != line.size()) return fail_errno(error, "cannot write " + quote_bytes(path()));
  return {};
}

// The next segment is complete before it has the log's name. Between the two renames there is no log of that name;
// begin_log() goes on from there.
Status AuditFile::begin_next_segment(const SegmentBody& body) {
  WRIT_ASSIGN(const SegmentBegin begin, read_segment_begin(file_.get(), path()));
  const std::string temporary = "." + name_ + ".next";
  (void)::unlinkat(directory_.descriptor(), temporary.c_str(), 0);  // of somebody who was killed: we hold the lock
  WRIT_ASSIGN(const UniqueFd next, directory_.open_file(temporary, O_WRONLY | O_CREAT | O_EXCL));
  std::string line;
  ChainState chain = end_.chain;
  append_chained(body({"begin", log_id_, end_.chain.hash, nullptr}), chain, line);
  Status done = write_all(next.get(), line, directory_.path_of(temporary));
  const int held = directory_.descriptor();
  if (done &&
      (::renameat2(held, name_.c_str(), held, archive_name(name_, begin.first).c_str(), RENAME_NOREPLACE) != 0 ||
       ::renameat2(held, temporary.c_str(), held, name_.c_str(), RENAME_NOREPLACE) != 0))
    done = fail_errno(errno, "cannot begin another segment of " + quote_bytes(path()));
  if (!done) (void)::unlinkat(held, temporary.c_str(), 0);
  return done;
}

// In place and not by rename(2): a file that replaces another one is written to disk at once by some file systems
// (auto_da_alloc of ext4(5)), which takes milliseconds, at the end of every run. One write within one block leaves the
// old head or the new one, also for whoever reads it meanwhile.
Status AuditFile::keep_head(std::string_view line) const {
  const std::string name = head_name(name_);
  WRIT_ASSIGN(const UniqueFd file, directory_.open_file(name, O_WRONLY | O_CREAT));
  std::string text(line.substr(0, line.size() - 1));
  if (text.size() + 1 < kHeadFileSize) text.append(kHeadFileSize - text.size() - 1, ' ');
  text.push_back('\n');
  ssize_t written = -1;
  do {
    written = ::pwrite(file.get(), text.data(), text.size(), 0);
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(text.size())) return {};
  return fail_errno(written < 0 ? errno : ENOSPC, "cannot write " + quote_bytes(directory_.path_of(name)));
}

}  // namespace writ
