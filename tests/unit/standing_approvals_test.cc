// Answers for later runs: an entry means exactly what was asked about, or does not exist; files stay loadable.
#include "launcher/standing_approvals.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "launcher/approval_rule.h"

namespace writ {
namespace {

constexpr Rights kLook{Right::kRead};

class Scene {
 public:
  Scene() {
    std::string pattern = std::filesystem::canonical(std::filesystem::temp_directory_path()) / "writ-standing-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    top_ = pattern;
  }
  ~Scene() { std::filesystem::remove_all(top_); }

  [[nodiscard]] StandingApprovals open(const std::vector<std::string>& writable = {}) const {
    auto standing = StandingApprovals::open(top_ + "/config", "name", writable);
    if (!standing) FAIL(standing.error().describe());
    return std::move(*standing);
  }
  [[nodiscard]] std::string file() const { return top_ + "/config/writ/approvals/name.yaml"; }
  [[nodiscard]] const std::string& top() const { return top_; }
  [[nodiscard]] std::string text() const {
    std::ostringstream all;
    all << std::ifstream(file()).rdbuf();
    return all.str();
  }
  void write(const std::string& text) const {
    std::filesystem::create_directories(top_ + "/config/writ/approvals");
    std::ofstream(file()) << text;
    ::chmod(file().c_str(), 0600);
  }

 private:
  std::string top_;
};

ApprovalQuestion about(const std::string& path, Rights rights = kLook) {
  ApprovalQuestion question;
  question.rights = rights;
  question.object = PathObject{path};
  question.possible = {ApprovalOutcome::kAllowOnce, ApprovalOutcome::kAllowRun};
  return question;
}

std::string approval_entry(std::string_view effect, Rights rights, const std::string& path) {
  QuestionDraft draft;
  draft.rights = rights;
  draft.object = PathObject{path};
  draft.reach = effect == "once" ? AnswerReach::kCall : AnswerReach::kRun;
  return approval_rule(draft);
}

const std::vector<std::string> kHostileNames = {
    "/a/${HOME}", "/a/$$",   "/a/$",      "/a/'quoted'",    "/a/\"double\"", "/a/# comment", "/a/x #y",
    "/a/x: y",    "/a/{x}",  "/a/[x, y]", "/a/back\\slash", "/a/\\n",        "/a/ leading",  "/a/trailing ",
    "/a/&anchor", "/a/!tag", "/a/|",      "/a/>",           "/a/%",          "/a/@",         "/a/`",
    "/a/~",       "/a/-",    "/a/null",   "/a/,}",          "/a/}, {",       "/a/\xC3\xA9",  "/a/\xF0\x9F\x98\x80"};

// Not to be named in any profile either: '*', control characters, what hides or turns text, what is no text.
const std::vector<std::string> kNamelessPaths = {"/a/*",
                                                 "/*",
                                                 "/a/b*c",
                                                 "/a/\xFF\xFE",
                                                 "/a/\xC0\xAF",
                                                 "/a/\xED\xA0\x80",
                                                 "relative",
                                                 "",
                                                 "/a/../b",
                                                 "/a/line\nbreak",
                                                 "/a/x\n  - {effect: run, rights: [read], path: /etc/*}",
                                                 "/a/\x1b[2K",
                                                 "/a/\t",
                                                 "/a/\x7F",
                                                 "/a/\xE2\x80\xAE"
                                                 "bidi",
                                                 "/a/\xC2\x9B"
                                                 "31m",
                                                 "/a/\xE2\x80\xA8"};

TEST_CASE("an entry loads and means exactly the path that was asked about") {
  for (const std::string& path : kHostileNames) {
    INFO(path);
    const std::string entry = approval_entry("run", kLook, path);
    REQUIRE(!entry.empty());
    CHECK(entry.find('\n') == std::string::npos);
    const auto file = ApprovalFile::parse("f", "version: 1\napprovals:\n  - " + entry + "\n");
    REQUIRE(file);
    CHECK(file->entries().size() == 1);
    REQUIRE(file->find(about(path)));
    CHECK(file->find(about(path))->outcome == ApprovalOutcome::kAllowRun);
    for (const std::string& other : kHostileNames)
      if (other != path) CHECK(!file->find(about(other)));
    CHECK(!file->find(about(path + "/x")));
    CHECK(!file->find(about(path, {Right::kWrite})));
  }
}

TEST_CASE("a path that no entry can name has none") {
  for (const std::string& path : kNamelessPaths) {
    INFO(path);
    CHECK(approval_entry("run", kLook, path).empty());
  }
  CHECK(approval_entry("run", {}, "/a").empty());
}

TEST_CASE("what is written is known in the next run") {
  const Scene scene;
  StandingApprovals standing = scene.open();
  CHECK(standing.can_write());
  CHECK(!standing.find(about("/a/0")));
  for (std::size_t i = 0; i < kHostileNames.size(); ++i)
    REQUIRE(standing.append(approval_entry(i % 2 == 0 ? "run" : "once", kLook, kHostileNames[i])));
  CHECK(!standing.find(about(kHostileNames[0])));  // read once
  StandingApprovals later = scene.open();
  for (std::size_t i = 0; i < kHostileNames.size(); ++i) {
    REQUIRE(later.find(about(kHostileNames[i])));
    CHECK(later.find(about(kHostileNames[i]))->outcome ==
          (i % 2 == 0 ? ApprovalOutcome::kAllowRun : ApprovalOutcome::kAllowOnce));
  }
  CHECK(!later.find(about("/b")));
  struct stat status {};
  REQUIRE(::stat(scene.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  later.forget();
  CHECK(!later.find(about(kHostileNames[0])));
}

TEST_CASE("a file that somebody wrote is added to, or left alone") {
  const Scene scene;
  const std::string entry = approval_entry("run", kLook, "/new");
  scene.write("version: 1\napprovals:\n  - {effect: deny, rights: [read], path: /old}");
  REQUIRE(scene.open().append(entry));
  CHECK(scene.open().find(about("/old"))->outcome == ApprovalOutcome::kDeny);
  CHECK(scene.open().find(about("/new"))->outcome == ApprovalOutcome::kAllowRun);
  for (const char* text : {"version: 1\napprovals: [{effect: deny, rights: [read], path: /old}]\n",
                           "approvals:\n  - {effect: deny, rights: [read], path: /old}\nversion: 1\n"}) {
    scene.write(text);
    const StandingApprovals standing = scene.open();
    CHECK(!standing.append(entry));
    CHECK(scene.text() == text);
  }
}

TEST_CASE("nothing is written or believed where the tool can write") {
  const Scene scene;
  std::filesystem::create_directories(scene.top() + "/config");
  CHECK_FALSE(scene.open({scene.top()}).can_write());
  CHECK_FALSE(scene.open({scene.top() + "/config"}).can_write());
  std::filesystem::create_directories(scene.top() + "/other");
  CHECK(scene.open({scene.top() + "/other"}).can_write());
  scene.write("version: 1\napprovals:\n  - {effect: run, rights: [read], path: '/a/*'}\n");
  CHECK(!StandingApprovals::open(scene.top() + "/config", "name", std::vector{scene.top()}));
  for (const char* name : {"", "../name", "a/b", ".name"}) {
    const auto none = StandingApprovals::open(scene.top() + "/config", name, {});
    REQUIRE(none);
    CHECK_FALSE(none->can_write());
    CHECK(!none->find(about("/a/b")));
  }
}

TEST_CASE("two runs that write at once leave a file with both") {
  const Scene scene;
  constexpr int kEach = 40;
  std::vector<pid_t> children;
  for (const char* who : {"left", "right"}) {
    const StandingApprovals standing = scene.open();
    const pid_t child = ::fork();
    if (child == 0) {
      bool good = true;
      for (int i = 0; i < kEach; ++i)
        good = standing.append(approval_entry("run", kLook, std::string("/") + who + std::to_string(i))).has_value() &&
               good;
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  const StandingApprovals later = scene.open();
  for (const char* who : {"left", "right"})
    for (int i = 0; i < kEach; ++i) CHECK(later.find(about(std::string("/") + who + std::to_string(i))));
}

}  // namespace
}  // namespace writ
