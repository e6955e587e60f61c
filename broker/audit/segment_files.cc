#include "broker/audit/segment_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::string_view kExtension = ".jsonl";
constexpr std::size_t kPlaceDigits = 12;
constexpr std::size_t kFirstBytes = 1024;                // hold the first line
constexpr std::size_t kFirstGuess = 4096;                // holds the last line nearly always
constexpr std::size_t kMostBytes = 4 * kAuditLineLimit;  // a last whole line is not further away

std::string_view stem_of(std::string_view log_name) {
  return log_name.ends_with(kExtension) ? log_name.substr(0, log_name.size() - kExtension.size()) : log_name;
}

Result<std::string> read_at(int file, std::uint64_t offset, std::size_t size, const std::string& path) {
  std::string text(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::pread(file, text.data() + have, size - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read " + quote_bytes(path));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

bool is_archive_of(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem) || !name.ends_with(kExtension)) return false;
  const std::string_view middle = name.substr(stem.size(), name.size() - stem.size() - kExtension.size());
  return middle.size() == kPlaceDigits + 1 && middle[0] == '-' &&
         middle.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// A line that is complete but for its newline is no partial one.
void complete_last_line(AuditEnd& end) {
  const auto line = AuditLine::parse(end.partial);
  if (!line || line->sequence != end.chain.sequence + 1 || line->hash_after(end.chain.hash) != line->hash) return;
  end.chain = {line->sequence, line->hash};
  end.partial.clear();
}

// Looks for the last line of `text` that is one; `is_whole`: the text begins where a line does.
std::optional<AuditEnd> end_in(std::string_view text, bool is_whole) {
  AuditEnd end;
  end.needs_newline = !text.empty() && text.back() != '\n';
  std::size_t stop = text.size();
  while (stop > 0) {
    const std::size_t newline = text.rfind('\n', stop - 1);
    if (newline == std::string_view::npos) break;
    const std::size_t before = newline == 0 ? std::string_view::npos : text.rfind('\n', newline - 1);
    if (before == std::string_view::npos && !is_whole) return std::nullopt;
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    if (const auto line = AuditLine::parse(text.substr(begin, newline - begin))) {
      end.chain = {line->sequence, line->hash};
      end.is_closed = line->event == AuditEvent::kSegment && line->value("action") == "continued";
      end.partial = text.substr(newline + 1);
      complete_last_line(end);
      return end;
    }
    stop = newline;
  }
  if (!is_whole) return std::nullopt;
  end.partial = text;  // not one line was ever finished
  complete_last_line(end);
  return end;
}

std::optional<SegmentBegin> begin_in(std::string_view text) {
  for (std::size_t newline = text.find('\n'); newline != std::string_view::npos; newline = text.find('\n')) {
    const auto line = AuditLine::parse(text.substr(0, newline));
    if (line && line->event == AuditEvent::kSegment)
      return SegmentBegin{line->sequence, std::string(line->value("log").value_or(""))};
    text.remove_prefix(newline + 1);
  }
  return std::nullopt;
}

}  // namespace

std::string archive_name(std::string_view log_name, std::uint64_t first) {
  const std::string digits = std::to_string(first);
  std::string name(stem_of(log_name));
  name.append("-").append(kPlaceDigits - std::min(kPlaceDigits, digits.size()), '0').append(digits);
  return name.append(kExtension);
}

std::string head_name(std::string_view log_name) { return std::string(log_name) + ".head"; }

std::string_view head_line_of(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

Result<std::vector<std::string>> archived_segments(int directory, std::string_view log_name) {
  const UniqueFd own(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(::dup(own.get())), ::closedir);
  if (!entries) return fail_errno(errno, "cannot list the directory of the audit log");
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(entries.get()))
    if (is_archive_of(entry->d_name, stem_of(log_name))) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

Result<SegmentBegin> read_segment_begin(int file, const std::string& path) {
  // Usually the first line is the one, and this is part of every launch.
  for (std::size_t wanted = kFirstBytes;; wanted = kAuditLineLimit) {
    WRIT_ASSIGN(const std::string text, read_at(file, 0, wanted, path));
    constexpr std::string_view kBegin = "{\"v\":1,\"seq\":";
    if (!std::string_view(text).starts_with(kBegin.substr(0, text.size())))
      return fail(quote_bytes(path) + " is no audit log of Writ", "choose another name");
    auto begin = begin_in(text);
    if (begin) return *begin;
    if (text.size() < wanted || wanted == kAuditLineLimit) return SegmentBegin();
  }
}

Result<AuditEnd> read_segment_end(int file, std::uint64_t size, const std::string& path) {
  for (std::size_t wanted = kFirstGuess; wanted <= kMostBytes; wanted *= 4) {
    const std::uint64_t offset = size > wanted ? size - wanted : 0;
    WRIT_ASSIGN(const std::string text, read_at(file, offset, static_cast<std::size_t>(size - offset), path));
    if (auto end = end_in(text, offset == 0)) {
      end->size = size;
      return std::move(*end);
    }
    if (offset == 0) break;
  }
  return fail("the end of " + quote_bytes(path) + " is not that of an audit log", "move it away");
}

}  // namespace writ
