// Commands as resources: matching, precedence, examples, words.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/policy/command_rule.h"

namespace writ {
namespace {

using Words = std::vector<std::string>;

CommandRule rule_of(std::string program, ArgumentMatch match, std::vector<ArgumentAlternatives> arguments,
                    Effect effect) {
  CommandRule rule;
  rule.program = std::move(program);
  rule.match = match;
  rule.arguments = std::move(arguments);
  rule.effect = effect;
  return rule;
}

Words words(std::string_view text) { return *split_words(text); }

TEST_CASE("exact, prefix, contains and any", "[commands]") {
  const auto decides = [](const CommandRule& rule, std::string_view text) {
    return decide_command({&rule, 1}, words(text)).rule != nullptr;
  };
  const CommandRule exact = rule_of("git", ArgumentMatch::kExact, {{"push"}, {"origin", "fork"}}, Effect::kAllow);
  CHECK(decides(exact, "git push origin"));
  CHECK(decides(exact, "/usr/bin/git push fork"));
  CHECK(!decides(exact, "git push origin main"));
  CHECK(!decides(exact, "git push"));
  CHECK(!decides(exact, "gitk push origin"));
  const CommandRule prefix = rule_of("/usr/bin/git", ArgumentMatch::kPrefix, {{"log"}}, Effect::kAllow);
  CHECK(decides(prefix, "/usr/bin/git log --oneline"));
  CHECK(!decides(prefix, "git log"));
  CHECK(!decides(prefix, "/opt/git log"));
  CHECK(!decides(prefix, "/usr/bin/git -C x log"));
  const CommandRule contains = rule_of("git", ArgumentMatch::kContains, {{"--force", "-f"}}, Effect::kDeny);
  CHECK(decides(contains, "git push -f"));
  CHECK(!decides(contains, "git push --force-with-lease"));
  CHECK(!decides(contains, "git"));
  CHECK(decides(rule_of("git", ArgumentMatch::kAny, {}, Effect::kAsk), "git"));
}

TEST_CASE("rules bind the program and its arguments, and deny dominates in any order", "[commands][conformance]") {
  const CommandRule allow = rule_of("git", ArgumentMatch::kAny, {}, Effect::kAllow);
  const CommandRule ask = rule_of("git", ArgumentMatch::kPrefix, {{"push"}}, Effect::kAsk);
  const CommandRule deny = rule_of("git", ArgumentMatch::kContains, {{"--force"}}, Effect::kDeny);
  for (const std::vector<CommandRule>& rules :
       {std::vector<CommandRule>{allow, ask, deny}, std::vector<CommandRule>{deny, ask, allow}}) {
    CHECK(decide_command(rules, words("git status")).effect == Effect::kAllow);
    CHECK(decide_command(rules, words("git push")).effect == Effect::kAsk);
    CHECK(decide_command(rules, words("git push --force")).effect == Effect::kDeny);
    CHECK(is_ruled(rules, "/usr/bin/git"));
    CHECK(!is_ruled(rules, "/usr/bin/gitk"));
  }
  const CommandDecision none = decide_command({&ask, 1}, words("git status"));
  CHECK(none.effect == Effect::kDeny);
  CHECK(none.rule == nullptr);
  CHECK(decide_command({&allow, 1}, Words{}).effect == Effect::kDeny);
}

TEST_CASE("examples are held against their rule", "[commands]") {
  CommandRule rule = rule_of("git", ArgumentMatch::kPrefix, {{"push"}}, Effect::kAsk);
  rule.examples_matching = {words("git push origin")};
  rule.examples_not_matching = {words("git pull")};
  CHECK(check_examples({&rule, 1}));
  rule.examples_matching.push_back(words("git pull"));
  CHECK(check_examples({&rule, 1}).error().what.find("does not match its example 'git pull'") != std::string::npos);
  rule.examples_matching.pop_back();
  rule.examples_not_matching.push_back(words("git push"));
  CHECK(check_examples({&rule, 1}).error().what.find("matches 'git push'") != std::string::npos);
}

TEST_CASE("words", "[commands]") {
  CHECK(words("a  b c ") == Words{"a", "b", "c"});
  CHECK(words("git commit -m 'a b' \"c d\"") == Words{"git", "commit", "-m", "a b", "c d"});
  CHECK(words("a'b c'd ''") == Words{"ab cd", ""});
  CHECK(words("$HOME `x` \\n") == Words{"$HOME", "`x`", "\\n"});
  CHECK(words("").empty());
  CHECK(!split_words("git commit -m 'open"));
}

TEST_CASE("a command rule reads as a sentence", "[commands]") {
  CHECK(rule_of("git", ArgumentMatch::kPrefix, {{"push"}, {"a", "b"}}, Effect::kDeny).text() ==
        "deny git push (a|b) …");
  CHECK(rule_of("ls", ArgumentMatch::kExact, {}, Effect::kAllow).text() == "allow ls");
}

}  // namespace
}  // namespace writ
