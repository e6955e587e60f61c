#include "broker/audit/secret_shapes.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "broker/audit/redaction.h"

namespace writ {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alphanumeric(char c) { return is_digit(c) || is_upper(c) || is_lower(c); }
constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

enum class Alphabet : std::uint8_t { kAlphanumeric, kUpper, kWord, kDashed, kToken };

bool belongs_to(char c, Alphabet alphabet) {
  switch (alphabet) {
    case Alphabet::kAlphanumeric:
      return is_alphanumeric(c);
    case Alphabet::kUpper:
      return is_upper(c) || is_digit(c);
    case Alphabet::kWord:
      return is_alphanumeric(c) || c == '_';
    case Alphabet::kDashed:
      return is_alphanumeric(c) || c == '_' || c == '-';
    case Alphabet::kToken:  // RFC 6750, 2.1
      return is_alphanumeric(c) || std::string_view("-._~+/=").find(c) != std::string_view::npos;
  }
  return false;
}

// A token that begins with `prefix` and goes on with at least `least` characters.
struct TokenShape {
  std::string_view rule;
  std::string_view prefix;
  Alphabet alphabet;
  std::size_t least;
};

constexpr auto kTokenShapes = std::to_array<TokenShape>({
    {"github", "ghp_", Alphabet::kAlphanumeric, 20},
    {"github", "gho_", Alphabet::kAlphanumeric, 20},
    {"github", "ghu_", Alphabet::kAlphanumeric, 20},
    {"github", "ghs_", Alphabet::kAlphanumeric, 20},
    {"github", "ghr_", Alphabet::kAlphanumeric, 20},
    {"github", "github_pat_", Alphabet::kWord, 20},
    {"gitlab", "glpat-", Alphabet::kDashed, 20},
    {"api-key", "sk-", Alphabet::kDashed, 20},
    {"stripe", "sk_live_", Alphabet::kAlphanumeric, 16},
    {"stripe", "rk_live_", Alphabet::kAlphanumeric, 16},
    {"aws", "AKIA", Alphabet::kUpper, 16},
    {"aws", "ASIA", Alphabet::kUpper, 16},
    {"slack", "xoxa-", Alphabet::kDashed, 10},
    {"slack", "xoxb-", Alphabet::kDashed, 10},
    {"slack", "xoxe-", Alphabet::kDashed, 10},
    {"slack", "xoxo-", Alphabet::kDashed, 10},
    {"slack", "xoxp-", Alphabet::kDashed, 10},
    {"slack", "xoxr-", Alphabet::kDashed, 10},
    {"slack", "xoxs-", Alphabet::kDashed, 10},
    {"google", "AIza", Alphabet::kDashed, 30},
    {"npm", "npm_", Alphabet::kAlphanumeric, 30},
    {"pypi", "pypi-", Alphabet::kDashed, 30},
    {"huggingface", "hf_", Alphabet::kAlphanumeric, 30},
    {"bearer", "Bearer ", Alphabet::kToken, 16},
    {"bearer", "bearer ", Alphabet::kToken, 16},
});

// Headers whose values are secrets: to the end of the line.
constexpr auto kHeaders =
    std::to_array<std::string_view>({"authorization:", "proxy-authorization:", "cookie:", "set-cookie:", "x-api-key:",
                                     "x-auth-token:", "private-token:"});

// The last word of a name, or the last two, that make its value a secret.
constexpr auto kSecretEnds = std::to_array<std::string_view>(
    {"password", "passwd", "passphrase", "pass", "pw", "token", "secret", "secrets", "credential", "credentials",
     "apikey", "auth", "authorization", "cookie", "bearer", "pat", "jwt"});
constexpr auto kSecretKeys = std::to_array<std::string_view>(
    {"api", "access", "private", "secret", "signing", "session", "account", "encryption", "auth", "master", "ssh"});
// Without a separator: dbPassword, GITHUBTOKEN.
constexpr auto kSecretSuffixes =
    std::to_array<std::string_view>({"password", "passwd", "passphrase", "token", "secret", "apikey", "accesskey"});
// A name that ends so is about a secret, and its value is none: --password-file, TOKEN_URL.
constexpr auto kHarmlessEnds =
    std::to_array<std::string_view>({"file", "path", "dir", "directory", "name", "id", "url", "uri", "count", "length",
                                     "limit", "ttl", "expiry", "type", "stdin", "fd", "prompt", "policy"});

bool is_separator(char c) { return c == '_' || c == '-' || c == '.'; }

template <std::size_t size>
bool holds(const std::array<std::string_view, size>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Takes the last word from `name`.
std::string_view take_last_word(std::string_view& name) {
  std::size_t begin = name.size();
  while (begin > 0 && !is_separator(name[begin - 1])) --begin;
  const std::string_view word = name.substr(begin);
  name = name.substr(0, begin == 0 ? 0 : begin - 1);
  return word;
}

bool has_word(std::string_view name, std::string_view wanted) {
  while (!name.empty())
    if (take_last_word(name) == wanted) return true;
  return false;
}

bool starts_word(std::string_view text, std::size_t at) { return at == 0 || !is_alphanumeric(text[at - 1]); }

std::optional<FoundSecret> token_at(std::string_view text, std::size_t at) {
  for (const TokenShape& shape : kTokenShapes) {
    if (text[at] != shape.prefix[0] || !text.substr(at).starts_with(shape.prefix) || !starts_word(text, at)) continue;
    std::size_t end = at + shape.prefix.size();
    while (end < text.size() && belongs_to(text[end], shape.alphabet)) ++end;
    if (end - at - shape.prefix.size() < shape.least) continue;
    const bool named = shape.rule == "bearer";  // the word is no secret
    return FoundSecret{shape.rule, named ? at + shape.prefix.size() : at, end};
  }
  return std::nullopt;
}

// RFC 7519: three parts of base64url; the first two are JSON objects, which begin with {" and so with eyJ.
std::optional<FoundSecret> web_token_at(std::string_view text, std::size_t at) {
  if (!text.substr(at).starts_with("eyJ") || !starts_word(text, at)) return std::nullopt;
  const auto part_end = [&](std::size_t from) {
    while (from < text.size() && belongs_to(text[from], Alphabet::kDashed)) ++from;
    return from;
  };
  const std::size_t first = part_end(at);
  if (first - at < 10 || !text.substr(first).starts_with(".eyJ")) return std::nullopt;
  std::size_t end = part_end(first + 1);
  if (end < text.size() && text[end] == '.') end = part_end(end + 1);
  return FoundSecret{"jwt", at, end};
}

std::optional<FoundSecret> pem_at(std::string_view text, std::size_t at) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kEnd = "PRIVATE KEY-----";
  const std::string_view rest = text.substr(at);
  if (!rest.starts_with(kBegin)) return std::nullopt;
  const std::size_t title = rest.find(kEnd);
  if (title == std::string_view::npos || title > 40) return std::nullopt;
  const std::size_t last = rest.find(kEnd, title + kEnd.size());
  const std::size_t end = last == std::string_view::npos ? rest.size() : last + kEnd.size();
  return FoundSecret{"pem", at, at + end};
}

// RFC 3986, 3.2.1: what stands between "//" and "@" in an authority.
std::optional<FoundSecret> user_info_at(std::string_view text, std::size_t at) {
  if (!text.substr(at).starts_with("://")) return std::nullopt;
  const std::size_t begin = at + 3;
  std::size_t last_at = std::string_view::npos;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (std::string_view("/?# \t\r\n\"'<>").find(text[i]) != std::string_view::npos) break;
    if (text[i] == '@') last_at = i;
  }
  if (last_at == std::string_view::npos || last_at == begin) return std::nullopt;
  return FoundSecret{"userinfo", begin, last_at};
}

// Where a value ends that stands in the middle of a text: at its closing quote, or before what separates words.
FoundSecret value_from(std::string_view text, std::size_t begin, std::string_view rule) {
  if (begin < text.size() && (text[begin] == '"' || text[begin] == '\'')) {
    const std::size_t close = text.find(text[begin], begin + 1);
    return {rule, begin + 1, close == std::string_view::npos ? text.size() : close};
  }
  return {rule, begin, std::min(text.size(), text.find_first_of(" \t\r\n\"'&;|)<>`,}", begin))};
}

std::string_view name_before(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && is_name_character(text[begin - 1])) --begin;
  return text.substr(begin, end - begin);
}

// `at` is where '=' stands, or a space behind "--name".
std::optional<FoundSecret> setting_at(std::string_view text, std::size_t at) {
  const std::string_view name = name_before(text, at);
  if (name.empty() || (text[at] == ' ' && !name.starts_with("--")) || !has_secret_value(name)) return std::nullopt;
  const FoundSecret found = value_from(text, at + 1, "setting");
  if (found.begin >= found.end || (text[at] == ' ' && text[found.begin] == '-')) return std::nullopt;
  return found;
}

// `at` is where ':' stands.
std::optional<FoundSecret> header_at(std::string_view text, std::size_t at) {
  std::string name(name_before(text, at));
  std::transform(name.begin(), name.end(), name.begin(), to_lower);
  if (!holds(kHeaders, name + ":")) return std::nullopt;
  std::size_t begin = at + 1;
  while (begin < text.size() && text[begin] == ' ') ++begin;
  const std::size_t end = std::min(text.size(), text.find_first_of("\r\n\"'", begin));
  if (begin >= end) return std::nullopt;
  return FoundSecret{"header", begin, end};
}

// What can begin at a character; nothing for nearly all of them.
std::optional<FoundSecret> secret_at(std::string_view text, std::size_t at) {
  switch (text[at]) {
    case '=':
    case ' ':
      return setting_at(text, at);
    case ':':
      if (auto found = user_info_at(text, at)) return found;
      return header_at(text, at);
    case '-':
      return pem_at(text, at);
    case 'e':
      return web_token_at(text, at);
    case 'A':
    case 'B':
    case 'b':
    case 'g':
    case 'h':
    case 'n':
    case 'p':
    case 'r':
    case 's':
    case 'x':
      return token_at(text, at);
    default:
      return std::nullopt;
  }
}

// Characters at which secret_at() has to look. Most letters of most paths begin nothing.
constexpr std::array<bool, 256> make_starts() {
  std::array<bool, 256> starts{};
  for (const char c : std::string_view("= :-eABbghnprsx")) starts[static_cast<std::uint8_t>(c)] = true;
  return starts;
}
constexpr std::array<bool, 256> kStarts = make_starts();

// The second characters of what begins with a letter: gh, gi, gl, sk, rk, AK, AS, AI, xo, np, py, hf, Be, be, ey.
constexpr bool may_go_on(char first, char second) {
  switch (first) {
    case 'A':
      return second == 'K' || second == 'S' || second == 'I';
    case 'B':
    case 'b':
      return second == 'e';
    case 'e':
    case 'p':
      return second == 'y';
    case 'g':
      return second == 'h' || second == 'i' || second == 'l';
    case 'h':
      return second == 'f';
    case 'n':
      return second == 'p';
    case 'r':
    case 's':
      return second == 'k';
    case 'x':
      return second == 'o';
    case '-':
      return second == '-';
    default:
      return true;
  }
}

}  // namespace

std::optional<FoundSecret> find_secret(std::string_view text, std::size_t from) {
  for (std::size_t at = from; at + 1 < text.size(); ++at) {
    if (!kStarts[static_cast<std::uint8_t>(text[at])] || !may_go_on(text[at], text[at + 1])) continue;
    const auto found = secret_at(text, at);
    if (found && found->begin >= from) return found;
  }
  return std::nullopt;
}

bool has_secret_value(std::string_view name) {
  while (!name.empty() && is_separator(name.front())) name.remove_prefix(1);
  while (!name.empty() && is_separator(name.back())) name.remove_suffix(1);
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  std::string_view rest = lower;
  const std::string_view last = take_last_word(rest);
  if (last.empty() || holds(kHarmlessEnds, last)) return false;
  if (rest.starts_with("no-") || rest == "no") return false;
  if (holds(kSecretEnds, last)) return true;
  std::string_view before = rest;
  if (last == "key" && holds(kSecretKeys, take_last_word(before))) return true;
  if (has_word(rest, "secret") || has_word(rest, "password")) return true;
  return std::any_of(kSecretSuffixes.begin(), kSecretSuffixes.end(),
                     [&](std::string_view suffix) { return last.ends_with(suffix); });
}

}  // namespace writ
