// Patches: what applies, what does not, and what the one who made the patch is told.
#include "tools/native/unified_patch.h"

#include <catch2/catch.hpp>

namespace writ::tools {
namespace {

std::string applied(std::string_view text, std::string_view patch) {
  const ToolResult<UnifiedPatch> parsed = UnifiedPatch::parse(patch);
  if (!parsed) return "parse: " + parsed.error().message;
  const ToolResult<std::string> result = parsed->apply(text);
  return result ? *result : std::string(failure_code_name(result.error().code)) + ": " + result.error().message;
}

bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

constexpr std::string_view kTen = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

TEST_CASE("patch: a hunk replaces, adds and removes lines", "[native]") {
  CHECK(applied(kTen, "--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@ heading\n 2\n-3\n+three\n 4\n") ==
        "1\n2\nthree\n4\n5\n6\n7\n8\n9\n10\n");
  CHECK(applied(kTen, "@@ -1,2 +1,1 @@\n-1\n 2\n") == "2\n3\n4\n5\n6\n7\n8\n9\n10\n");
  CHECK(applied("a\n", "@@ -1 +1,2 @@\n a\n+b\n") == "a\nb\n");
}

TEST_CASE("patch: several hunks, with the headers of git", "[native]") {
  const std::string patch =
      "diff --git a/f b/f\nindex 1234567..89abcde 100644\n--- a/f\n+++ b/f\n"
      "@@ -1,2 +1,3 @@\n 1\n+one and a half\n 2\n@@ -9,2 +10,1 @@\n 9\n-10\n";
  CHECK(applied(kTen, patch) == "1\none and a half\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

TEST_CASE("patch: a hunk at a wrong line is found where it is unique", "[native]") {
  CHECK(applied(kTen, "@@ -1,2 +1,2 @@\n 7\n-8\n+eight\n") == "1\n2\n3\n4\n5\n6\n7\neight\n9\n10\n");
  const std::string twice = applied("x\ny\nx\n", "@@ -2,1 +2,1 @@\n-x\n+z\n");
  CHECK(says(twice, "invalid_arguments: hunk 1"));
  CHECK(says(twice, "lines 1 and 3"));
  // What the hunk before used is not searched again.
  CHECK(applied("x\ny\nx\n", "@@ -1,1 +1,1 @@\n-x\n+z\n@@ -2,1 +2,1 @@\n-x\n+w\n") == "z\ny\nw\n");
}

TEST_CASE("patch: the stated line wins over another place", "[native]") {
  CHECK(applied("x\ny\nx\n", "@@ -3,1 +3,1 @@\n-x\n+z\n") == "x\ny\nz\n");
}

TEST_CASE("patch: there is no fuzz", "[native]") {
  const std::string differs = applied(kTen, "@@ -2,3 +2,3 @@\n 2\n-3\n+three\n four\n");
  CHECK(says(differs, "conflict: hunk 1"));
  CHECK(says(differs, "line 4 of the file differs"));
  CHECK(says(applied("a \n", "@@ -1,1 +1,1 @@\n-a\n+b\n"), "conflict"));
  CHECK(says(applied("", "@@ -1,1 +1,1 @@\n-a\n+b\n"), "conflict"));
}

TEST_CASE("patch: no newline at the end of the file", "[native]") {
  CHECK(applied("a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n") ==
        "a\nc");
  CHECK(applied("a\nb", "@@ -2,1 +2,1 @@\n-b\n\\ No newline at end of file\n+b\n") == "a\nb\n");
  CHECK(applied("a\nb\n", "@@ -2,1 +2,1 @@\n-b\n+b\n\\ No newline at end of file\n") == "a\nb");
  CHECK(says(applied("a\nb", "@@ -2,1 +2,1 @@\n-b\n+c\n"), "has no newline"));
  CHECK(says(applied("b\n", "@@ -1,1 +1,1 @@\n-b\n\\ No newline at end of file\n+c\n"), "ends in a newline"));
  // Nothing may be glued to a line that has no newline.
  CHECK(says(applied("a\nb\n", "@@ -1,1 +1,1 @@\n-a\n+c\n\\ No newline at end of file\n"), "conflict"));
  CHECK(says(applied("a", "@@ -1,0 +2,1 @@\n+b\n"), "conflict"));
}

TEST_CASE("patch: line ends are kept", "[native]") {
  CHECK(applied("a\r\nb\r\n", "@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d\n") == "a\r\nc\r\nd\r\n");
  // The patch speaks of carriage returns itself.
  CHECK(applied("a\r\nb\r\n", "@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\n") == "a\r\nc\n");
  // The whole patch was carried with \r\n; the file has \n.
  CHECK(applied("a\nb\n", "@@ -1,2 +1,2 @@\r\n a\r\n-b\r\n+c\r\n") == "a\nc\n");
  // Mixed: bytes are bytes.
  CHECK(says(applied("a\r\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"), "it ends in \\r\\n"));
}

TEST_CASE("patch: lines are added without context where the hunk says", "[native]") {
  CHECK(applied("a\nb\n", "@@ -1,0 +2,1 @@\n+x\n") == "a\nx\nb\n");
  CHECK(applied("", "--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+x\n+y\n") == "x\ny\n");
  CHECK(says(applied("a\n", "@@ -5,0 +6,1 @@\n+x\n"), "conflict"));
}

TEST_CASE("patch: an empty context line may lack its blank", "[native]") {
  CHECK(applied("a\n\nb\n", "@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n") == "a\n\nc\n");
}

TEST_CASE("patch: lines that look like headers are content", "[native]") {
  CHECK(applied("-- x\n", "--- a\n+++ b\n@@ -1,1 +1,1 @@\n--- x\n+++ y\n") == "++ y\n");
}

TEST_CASE("patch: what is malformed is refused with its line", "[native]") {
  const auto refusal = [](std::string_view patch) { return applied(kTen, patch); };
  CHECK(says(refusal(""), "no hunk"));
  CHECK(says(refusal("some words\n"), "no hunk"));
  CHECK(says(refusal("@@ -1,2 +1,2\n 1\n-2\n+3\n"), "line 1: expected"));
  CHECK(says(refusal("@@ -1,2 +1,2 @@\n 1\n"), "ends too early"));
  CHECK(says(refusal("@@ -1,2 +1,1 @@\n 1\n 2\n"), "line 3: the hunk has other numbers"));
  CHECK(says(refusal("@@ -1,1 +1,1 @@\n-1\n+2\n+3\n"), "line 4: expected"));
  CHECK(says(refusal("@@ -1,2 +1,2 @@\n 1\n*2\n"), "line 3: a line of a hunk"));
  CHECK(says(refusal("@@ -0,1 +1,1 @@\n-1\n+2\n"), "line 1: expected"));
  CHECK(says(refusal("@@ -1,0 +1,0 @@\n"), "empty"));
  CHECK(says(refusal("@@ -99999999999999999999,1 +1,1 @@\n-1\n+2\n"), "line 1"));
  CHECK(says(refusal("@@ -1,1 +1,1 @@\n\\ No newline at end of file\n-1\n+2\n"), "follows no line"));
  CHECK(says(refusal("--- a\n@@ -1,1 +1,1 @@\n-1\n+2\n"), "line 2: a line \"+++ NAME\""));
}

TEST_CASE("patch: only the text of one file", "[native]") {
  const std::string hunk = "@@ -1,1 +1,1 @@\n-1\n+2\n";
  CHECK(says(applied(kTen, "--- a\n+++ b\n" + hunk + "--- c\n+++ d\n" + hunk), "a second file"));
  CHECK(says(applied(kTen, "--- a\n+++ b\n" + hunk + "diff --git a/c b/c\n"), "a second file"));
  CHECK(says(applied(kTen, "--- a\n+++ /dev/null\n" + hunk), "use delete"));
  CHECK(says(applied(kTen, "diff --git a/x b/y\nrename from x\nrename to y\n" + hunk), "line 2"));
  CHECK(says(applied(kTen, "GIT binary patch\n"), "only changes of the text"));
}

}  // namespace
}  // namespace writ::tools
