#include "broker/policy/profile_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <string>

#include "broker/base/escape.h"
#include "broker/base/printable.h"

namespace writ {
namespace {

constexpr std::uint64_t kLargestSize = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kLongestPath = 4095;  // PATH_MAX without its NUL
constexpr std::size_t kLongestName = 40;

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

constexpr std::array<Unit, 4> kDurationUnits = {{{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<Unit, 9> kSizeUnits = {{
    {"", 1},
    {"K", 1ull << 10},
    {"KiB", 1ull << 10},
    {"M", 1ull << 20},
    {"MiB", 1ull << 20},
    {"G", 1ull << 30},
    {"GiB", 1ull << 30},
    {"T", 1ull << 40},
    {"TiB", 1ull << 40},
}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

template <class Predicate>
bool is_name_of(std::string_view name, std::size_t longest, Predicate allowed) {
  return !name.empty() && name.size() <= longest && std::all_of(name.begin(), name.end(), allowed);
}

struct ScaledFormat {
  std::span<const Unit> units;
  std::uint64_t largest;
  std::string_view expected;  // "expected …" in messages
};

// Parses digits followed by one of the units.
Result<std::uint64_t> parse_scaled(std::string_view text, const ScaledFormat& format) {
  const auto digits_end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(digits_end - text.begin()));
  const std::string_view suffix = text.substr(digits.size());
  const auto unit =
      std::find_if(format.units.begin(), format.units.end(), [&](const Unit& u) { return u.suffix == suffix; });
  if (digits.empty() || unit == format.units.end())
    return fail(quote_bytes(text) + " is not understood: expected " + std::string(format.expected));
  WRIT_ASSIGN(const std::uint64_t number, parse_count(digits));
  if (number > format.largest / unit->factor) return fail(quote_bytes(text) + " is too large");
  return number * unit->factor;
}

// Why a segment of a path has no place in a policy, or nothing.
std::string_view flaw_of_text(std::string_view path) {
  if (is_printable_ascii(path)) return {};
  if (!is_valid_utf8(path)) return "is not valid UTF-8";
  for (const char c : path) {
    if (c == '\0') return "holds a NUL byte";
    if (c == '\n') return "holds a newline";
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return "holds a control character";
  }
  return {};
}

tl::unexpected<Error> bad_path(std::string_view path, std::string_view reason) {
  return fail("the path " + quote_bytes(path) + " " + std::string(reason));
}

// Calls `visit(segment)` for each part between slashes, until one call returns false.
template <class Visit>
void for_each_segment(std::string_view path, Visit visit) {
  while (true) {
    const std::size_t end = path.find('/');
    if (!visit(path.substr(0, end)) || end == std::string_view::npos) return;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

Result<std::uint64_t> parse_count(std::string_view text) {
  const bool only_digits = !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
  if (!only_digits) return fail(quote_bytes(text) + " is not a whole decimal number");
  if (text.size() > 1 && text.front() == '0') return fail(quote_bytes(text) + " has a leading zero");
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{}) return fail(quote_bytes(text) + " is too large");
  return number;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr auto kLargest = static_cast<std::uint64_t>(kLongestDuration.count());
  WRIT_ASSIGN(const std::uint64_t milliseconds,
              parse_scaled(text, {kDurationUnits, kLargest, "a duration such as 500ms, 60s, 5m or 2h"}));
  return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_scaled(text, {kSizeUnits, kLargestSize, "a size such as 4096, 64K, 512M or 2G"});
}

Result<std::uint64_t> parse_thousandths(std::string_view text) {
  const std::size_t point = text.find('.');
  std::string digits(point == std::string_view::npos ? "" : text.substr(point + 1));
  const bool whole = point == std::string_view::npos;
  const bool is_fraction = !digits.empty() && digits.size() <= 3 && std::all_of(digits.begin(), digits.end(), is_digit);
  if (!whole && !is_fraction) return fail(quote_bytes(text) + " is not a decimal number such as 2 or 0.5");
  const auto number = parse_count(text.substr(0, point));
  if (!number) return fail(quote_bytes(text) + " is not a decimal number such as 2 or 0.5");
  digits.resize(3, '0');
  std::uint64_t thousandths = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), thousandths);
  if (*number > kLargestSize / 1000 - 1) return fail(quote_bytes(text) + " is too large");
  return *number * 1000 + thousandths;
}

bool is_profile_name(std::string_view name) {
  return is_name_of(name, kLongestName, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_variable_name(std::string_view name) {
  return is_name_of(name, kLongestName, [](char c) { return is_lower(c) || c == '_'; });
}

bool is_syscall_name(std::string_view name) {
  return is_name_of(name, kLongestName, [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

bool is_hostname(std::string_view name) {
  const auto allowed = [](char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '-'; };
  return is_name_of(name, 63, allowed) && name.front() != '-' && name.back() != '-';
}

Status check_relative_path(std::string_view path) {
  if (path.empty()) return fail("an empty path");
  if (path.size() > kLongestPath) return fail("the path is longer than 4095 bytes");
  if (const std::string_view flaw = flaw_of_text(path); !flaw.empty()) return bad_path(path, flaw);
  if (path.front() == '/' || path.front() == '~')
    return bad_path(path, "must be relative: it is looked up in each writable directory");
  const auto is_pattern_character = [](char c) { return c == '*' || c == '?' || c == '[' || c == ']'; };
  if (std::any_of(path.begin(), path.end(), is_pattern_character))
    return bad_path(path, "is a pattern: only literal names are supported");
  std::string_view reason;
  for_each_segment(path, [&](std::string_view segment) {
    if (segment.empty()) reason = "has an empty segment";
    if (segment == "." || segment == "..") reason = "has a '.' or '..' segment";
    return reason.empty();
  });
  if (!reason.empty()) return bad_path(path, reason);
  return {};
}

Result<std::string> normalize_absolute_path(std::string_view path) {
  if (path.empty()) return fail("an empty path");
  if (path.size() > kLongestPath) return fail("the path is longer than 4095 bytes");
  if (const std::string_view flaw = flaw_of_text(path); !flaw.empty()) return bad_path(path, flaw);
  if (path.front() != '/') return bad_path(path, "is not absolute: start it with '/', '~/' or '${workspace}'");
  std::string normal;
  bool climbs = false;
  for_each_segment(path, [&](std::string_view segment) {
    climbs = segment == "..";
    if (!segment.empty() && segment != ".") normal.append("/").append(segment);
    return !climbs;
  });
  if (climbs) return bad_path(path, "has a '..' segment");
  return normal.empty() ? std::string("/") : normal;
}

}  // namespace writ
