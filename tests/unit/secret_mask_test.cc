// Secrets are masked wherever they stand, however the output is cut into chunks.
#include "launcher/secret_mask.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "launcher/secret_forms.h"

namespace writ {
namespace {

SecretMask mask_of(const std::vector<std::string>& secrets) {
  auto mask = SecretMask::create(secrets);
  REQUIRE(mask);
  return std::move(*mask);
}

// Looks for every form at every place, and covers what it found.
std::string masked_slowly(const std::vector<std::string>& secrets, const std::string& text) {
  std::vector<bool> covered(text.size());
  std::vector<bool> starts(text.size());
  for (const std::string& secret : secrets)
    for (const std::string& form : secret_forms(secret))
      for (std::size_t at = text.find(form); at != std::string::npos; at = text.find(form, at + 1))
        std::fill_n(covered.begin() + static_cast<std::ptrdiff_t>(at), form.size(), true);
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!covered[at]) out += text[at];
    if (covered[at] && (at == 0 || !covered[at - 1])) out += "***";
  }
  return out;
}

std::string masked_in_chunks(const SecretMask& mask, const std::string& text, std::mt19937& random, std::size_t most) {
  MaskedStream stream(mask);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = std::uniform_int_distribution<std::size_t>(1, most)(random);
    stream.write(std::string_view(text).substr(at, size), out);
    at += size;
  }
  stream.finish(out);
  return out;
}

std::string random_text(std::mt19937& random, std::size_t size, std::string_view alphabet) {
  std::uniform_int_distribution<std::size_t> pick(0, alphabet.size() - 1);
  std::string text(size, ' ');
  for (char& byte : text) byte = alphabet[pick(random)];
  return text;
}

}  // namespace

TEST_CASE("a secret is replaced, and nothing else", "[secret_mask]") {
  const SecretMask mask = mask_of({"s3cr3t"});
  CHECK(mask.masked("the key is s3cr3t, really") == "the key is ***, really");
  CHECK(mask.masked("s3cr3ts3cr3t") == "***");
  CHECK(mask.masked("s3cr3 s3cr3") == "s3cr3 s3cr3");
  CHECK(mask.masked("") == "");
}

TEST_CASE("a secret in two halves is found", "[secret_mask]") {
  const SecretMask mask = mask_of({"s3cr3t"});
  MaskedStream stream(mask);
  std::string out;
  stream.write("key s3c", out);
  CHECK(out == "key ");
  stream.write("r3t!", out);
  CHECK(out == "key ***!");
  stream.write("s3c", out);
  CHECK(out == "key ***!");
  stream.finish(out);
  CHECK(out == "key ***!s3c");
}

TEST_CASE("a secret is found in its usual encodings", "[secret_mask]") {
  // A quote, a slash, an ampersand, a space and a letter beyond ASCII.
  const SecretMask mask = mask_of({"p\"w/&d \xC3\xA9!x"});
  const auto hides = [&](const std::string& text) {
    CAPTURE(text);
    return mask.masked("<" + text + ">") == "<***>";
  };
  CHECK(hides("p\"w/&d \xC3\xA9!x"));
  CHECK(hides("cCJ3LyZkIMOpIXg"));             // base64, without its padding
  CHECK(hides("p%22w%2F%26d%20%C3%A9%21x"));   // RFC 3986
  CHECK(hides("p%22w%2f%26d%20%c3%a9%21x"));   // the same with small letters
  CHECK(hides("p%22w/%26d%20%C3%A9%21x"));     // Python
  CHECK(hides("p%22w%2F%26d%20%C3%A9!x"));     // JavaScript
  CHECK(hides("p%22w%2F%26d+%C3%A9%21x"));     // a form
  CHECK(hides("p\\\"w/&d \xC3\xA9!x"));        // JSON
  CHECK(hides("p\\\"w\\/&d \xC3\xA9!x"));      // PHP
  CHECK(hides("p\\\"w/\\u0026d \xC3\xA9!x"));  // Go
  CHECK(hides("p\\\"w/&d \\u00e9!x"));         // Python
}

TEST_CASE("a secret inside of a longer base64 text is found at each place", "[secret_mask]") {
  const SecretMask mask = mask_of({"hunter2-hunter2"});
  // "a:", "ab:" and "abc:" before it, "\n" behind.
  for (const char* text : {"YTpodW50ZXIyLWh1bnRlcjIK", "YWI6aHVudGVyMi1odW50ZXIyCg", "YWJjOmh1bnRlcjItaHVudGVyMgo"}) {
    const std::string out = mask.masked(text);
    CAPTURE(text, out);
    CHECK(out.find("***") != std::string::npos);
    CHECK(out.size() <= 14);  // of the secret's own 15 bytes at most the first and the last are left in part
  }
}

TEST_CASE("every line of a key is masked", "[secret_mask]") {
  const SecretMask mask = mask_of({"-----BEGIN KEY-----\nMIIBVAIBADANBgkq\n-----END KEY-----\n"});
  CHECK(mask.masked("line: MIIBVAIBADANBgkq.") == "line: ***.");
}

TEST_CASE("overlapping secrets are both masked", "[secret_mask]") {
  const SecretMask mask = mask_of({"abcdef", "efghij"});
  CHECK(mask.masked("-abcdefghij-") == "-***-");
}

TEST_CASE("what cannot be masked is refused, and not shown", "[secret_mask]") {
  const auto too_short = SecretMask::create(std::vector<std::string>{"abc"});
  REQUIRE_FALSE(too_short);
  CHECK(too_short.error().describe().find("abc") == std::string::npos);
  CHECK_FALSE(SecretMask::create(std::vector<std::string>{std::string(kLongestSecret + 1, 'x')}));
  CHECK(SecretMask::create(std::vector<std::string>{std::string(kLongestSecret, 'x')}));
}

TEST_CASE("masking equals the slow way, for every way to cut the output", "[secret_mask]") {
  std::mt19937 random(20261129);
  for (int round = 0; round < 400; ++round) {
    const std::string_view alphabet = round % 2 == 0 ? "ab" : "ab/\"+ %\n";
    std::vector<std::string> secrets;
    for (int i = 0; i < 1 + round % 3; ++i) {
      std::uniform_int_distribution<std::size_t> size(kShortestSecret, 12);
      secrets.push_back(random_text(random, size(random), alphabet));
    }
    std::string text;
    for (int part = 0; part < 12; ++part) {
      text += random_text(random, 20, alphabet);
      const auto forms = secret_forms(secrets[static_cast<std::size_t>(part) % secrets.size()]);
      const std::string& form = forms[std::uniform_int_distribution<std::size_t>(0, forms.size() - 1)(random)];
      text += form.substr(0, std::uniform_int_distribution<std::size_t>(0, form.size())(random));
    }
    const SecretMask mask = mask_of(secrets);
    const std::string expected = masked_slowly(secrets, text);
    CAPTURE(secrets, text);
    CHECK(mask.masked(text) == expected);
    CHECK(masked_in_chunks(mask, text, random, 5) == expected);
    CHECK(masked_in_chunks(mask, text, random, 64) == expected);
  }
}

}  // namespace writ
