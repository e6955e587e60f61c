// The command line of `writ ci`, and the words of `writ run` that it becomes.
#include "launcher/ci_options.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace writ {
namespace {

Parsed<CiOptions> read(std::vector<std::string> words) {
  TypedWords typed;
  typed.ours = std::move(words);
  typed.command = {"make", "check"};
  typed.separated = true;
  return parse_ci_options(typed);
}

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("what makes a step fail is a list", "[ci_options]") {
  const auto usual = read({});
  REQUIRE(usual);
  CHECK((usual->fail_on.denied && usual->fail_on.limited && !usual->fail_on.degraded));
  const auto listed = read({"--fail-on", "degraded,limit"});
  REQUIRE(listed);
  CHECK((!listed->fail_on.denied && listed->fail_on.limited && listed->fail_on.degraded));
  const auto none = read({"--fail-on", "none"});
  REQUIRE(none);
  CHECK((!none->fail_on.denied && !none->fail_on.limited && !none->fail_on.degraded));
  for (const char* wrong : {"", "deny,", "none,deny", "Deny"}) CHECK_FALSE(read({"--fail-on", wrong}));
}

TEST_CASE("caches have a name and a path", "[ci_options]") {
  const auto caches = read({"--cache", "npm=~/.npm", "--cache", "cc_1.x=a=b"});
  REQUIRE(caches);
  REQUIRE(caches->caches.size() == 2);
  CHECK(caches->caches[1].path == "a=b");
  for (const char* wrong : {"npm", "=x", "npm=", "../x=y", ".x=y", "a/b=y", "-x=y"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read({"--cache", wrong}));
  }
  CHECK_FALSE(read({"--cache", "a=x", "--cache", "a=y"}));
  CHECK_FALSE(read({"--cache", "a=x", "--cache", "b=x"}));
}

TEST_CASE("nobody is asked in a CI job", "[ci_options]") {
  const auto options = read({});
  REQUIRE(options);
  CHECK(has(ci_run_words(*options, {}), "--approve=deny"));
  CHECK_FALSE(read({"--approve", "ask"}));
  CHECK_FALSE(read({"--mask", "A=b"}));
  CHECK_FALSE(read({"--system", "nowhere"}));
}

TEST_CASE("values that begin with a dash stay values", "[ci_options]") {
  const auto options = read({"--profile", "build", "--env", "A=-x", "--limit", "memory=1G", "--explain"});
  REQUIRE(options);
  const std::vector<std::string> words = ci_run_words(*options, {});
  for (const char* word : {"--quiet", "--profile=build", "--env=A=-x", "--limit=memory=1G", "--explain"})
    CHECK(has(words, word));
}

TEST_CASE("one of view and Landlock, and seccomp, are never done without", "[ci_options]") {
  for (const CiView view : {CiView::kPossible, CiView::kImpossible}) {
    const std::vector<Layer> layers = ci_preferred_layers(view);
    const auto prefers = [&](Layer layer) { return std::find(layers.begin(), layers.end(), layer) != layers.end(); };
    CHECK_FALSE(prefers(Layer::kSeccomp));
    CHECK(prefers(Layer::kView) != prefers(Layer::kLandlock));
    CHECK(prefers(Layer::kView) == (view == CiView::kImpossible));
    CHECK(prefers(Layer::kLockedView));
  }
}

}  // namespace writ
