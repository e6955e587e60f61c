#include "broker/audit/redaction.h"

#include <algorithm>
#include <array>
#include <optional>

#include "broker/audit/secret_shapes.h"
#include "broker/base/hex_text.h"

namespace writ {
namespace {

// One short option of one program whose value is a secret.
struct ShortOption {
  std::string_view program;
  std::string_view option;
  enum class Value : std::uint8_t { kNext, kAttached } value;
};

constexpr auto kShortOptions = std::to_array<ShortOption>({
    {"mysql", "-p", ShortOption::Value::kAttached},
    {"mysqldump", "-p", ShortOption::Value::kAttached},
    {"mysqladmin", "-p", ShortOption::Value::kAttached},
    {"mariadb", "-p", ShortOption::Value::kAttached},
    {"mariadb-dump", "-p", ShortOption::Value::kAttached},
    {"sshpass", "-p", ShortOption::Value::kAttached},
    {"sshpass", "-p", ShortOption::Value::kNext},
    {"curl", "-u", ShortOption::Value::kAttached},
    {"curl", "-u", ShortOption::Value::kNext},
    {"curl", "--user", ShortOption::Value::kNext},
    {"curl", "-U", ShortOption::Value::kNext},
    {"curl", "--proxy-user", ShortOption::Value::kNext},
    {"docker", "-p", ShortOption::Value::kNext},
    {"podman", "-p", ShortOption::Value::kNext},
    {"ldapsearch", "-w", ShortOption::Value::kNext},
    {"smbclient", "-U", ShortOption::Value::kNext},
    {"redis-cli", "-a", ShortOption::Value::kNext},
    {"7z", "-p", ShortOption::Value::kAttached},
    {"unzip", "-P", ShortOption::Value::kNext},
    {"zip", "-P", ShortOption::Value::kNext},
    {"snmpget", "-c", ShortOption::Value::kNext},
});

// `docker run -p 80:80` is no secret; `docker login -p …` is.
bool means_secret(std::string_view program, std::span<const std::string> argv) {
  if (program != "docker" && program != "podman") return true;
  return std::find(argv.begin(), argv.end(), "login") != argv.end();
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

class ArgumentRedaction {
 public:
  ArgumentRedaction(const Redactor& redactor, std::span<const std::string> argv) : redactor_(redactor), argv_(argv) {}

  std::vector<std::string> run() {
    std::vector<std::string> shown;
    shown.reserve(argv_.size());
    for (const std::string& word : argv_) shown.push_back(one(word, shown.empty()));
    return shown;
  }

 private:
  std::string one(const std::string& word, bool first) {
    if (awaits_value_) {
      awaits_value_ = false;
      return redactor_.mark("argument", word);
    }
    if (!word.starts_with('-')) {
      note_program(word, first);
      // What a shell gets with -c is a text; a word of its own that begins with NAME= is a value to its end.
      if (is_script_) {
        is_script_ = false;
        return plain(word);
      }
      if (auto whole = whole_setting(word)) return *whole;
      return plain(word);
    }
    is_script_ = word == "-c";
    if (auto own = short_option(word)) return *own;
    const std::size_t equal = word.find('=');
    if (equal != std::string::npos && has_secret_value(word.substr(0, equal)))
      return word.substr(0, equal + 1) + redactor_.mark("argument", std::string_view(word).substr(equal + 1));
    awaits_value_ = word.starts_with("--") && equal == std::string::npos && has_secret_value(word);
    return plain(word);
  }

  // NAME=VALUE as one word: all that follows is the value, also with spaces in it.
  std::optional<std::string> whole_setting(const std::string& word) const {
    const std::size_t equal = word.find('=');
    if (equal == std::string::npos || equal + 1 == word.size()) return std::nullopt;
    const std::string_view name = std::string_view(word).substr(0, equal);
    const bool is_name = std::all_of(name.begin(), name.end(), [](char c) { return is_name_character(c); });
    if (!is_name || !has_secret_value(name)) return std::nullopt;
    return std::string(name) + "=" + redactor_.mark("setting", std::string_view(word).substr(equal + 1));
  }

  void note_program(const std::string& word, bool first) {
    for (const ShortOption& row : kShortOptions)
      if (base_name(word) == row.program && (first || word == base_name(word) || word.starts_with('/')))
        program_ = row.program;
  }

  std::optional<std::string> short_option(const std::string& word) {
    for (const ShortOption& row : kShortOptions) {
      if (row.program != program_ || !word.starts_with(row.option) || !means_secret(program_, argv_)) continue;
      if (row.value == ShortOption::Value::kNext && word == row.option) {
        awaits_value_ = true;
        return word;
      }
      if (row.value == ShortOption::Value::kAttached && word.size() > row.option.size())
        return std::string(row.option) + redactor_.mark("argument", std::string_view(word).substr(row.option.size()));
    }
    return std::nullopt;
  }

  std::string plain(const std::string& word) const {
    std::string out;
    return redactor_.redact(word, out) ? out : word;
  }

  const Redactor& redactor_;
  std::span<const std::string> argv_;
  std::string_view program_;
  bool awaits_value_ = false;
  bool is_script_ = false;
};

}  // namespace

std::string Redactor::mark(std::string_view rule, std::string_view secret) const {
  constexpr std::size_t kShownBytes = 4;
  const Sha256Digest digest = hash(secret);
  std::string text = "[redacted:";
  return text.append(rule).append(":").append(hex_text(std::span(digest).first<kShownBytes>())).append("]");
}

std::string Redactor::redacted(std::string_view text) const {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto found = find_secret(text, at);
    if (!found) break;
    out.append(text.substr(at, found->begin - at));
    out.append(mark(found->rule, text.substr(found->begin, found->end - found->begin)));
    at = found->end;
  }
  return out.append(text.substr(std::min(at, text.size())));
}

bool Redactor::redact(std::string_view text, std::string& out) const {
  if (!find_secret(text, 0)) return false;
  out = redacted(text);
  return true;
}

std::vector<std::string> Redactor::redact_arguments(std::span<const std::string> argv) const {
  return ArgumentRedaction(*this, argv).run();
}

}  // namespace writ
