#include <catch2/catch.hpp>

#include "broker/mediation/command_answer.h"
#include "broker/mediation/remembered_commands.h"

namespace writ {
namespace {

using Words = std::vector<std::string>;

TEST_CASE("a command that was allowed for the run is that program with those arguments", "[commands]") {
  RememberedCommands allowed;
  CHECK(!allowed.has("/usr/bin/git", Words{"push"}));
  allowed.add("/usr/bin/git", Words{"push", "origin"});
  CHECK(allowed.has("/usr/bin/git", Words{"push", "origin"}));
  CHECK(!allowed.has("/usr/bin/git", Words{"push"}));
  CHECK(!allowed.has("/usr/bin/git", Words{"push", "origin", "--force"}));
  CHECK(!allowed.has("/usr/bin/git", Words{"push origin"}));
  CHECK(!allowed.has("/usr/bin/git", Words{"origin", "push"}));
  CHECK(!allowed.has("/usr/bin/git", Words{}));
  CHECK(!allowed.has("/usr/bin/hg", Words{"push", "origin"}));
}

TEST_CASE("what was allowed for the run is kept in a bounded list", "[commands]") {
  RememberedCommands allowed;
  const std::string long_word(RememberedCommands::kByteLimit / 4, 'x');
  for (int i = 0; i < 8; ++i) allowed.add("/bin/a", Words{long_word + std::to_string(i)});
  CHECK(allowed.has("/bin/a", Words{long_word + "0"}));
  CHECK(!allowed.has("/bin/a", Words{long_word + "7"}));
  RememberedCommands many;
  for (std::size_t i = 0; i <= RememberedCommands::kCommandLimit; ++i) many.add("/bin/a", Words{std::to_string(i)});
  CHECK(many.has("/bin/a", Words{"0"}));
  CHECK(!many.has("/bin/a", Words{std::to_string(RememberedCommands::kCommandLimit)}));
}

TEST_CASE("a command that was asked about is refused with the answer", "[commands]") {
  CommandRule rule;
  rule.effect = Effect::kAsk;
  rule.reason = "others see it";
  CHECK(refusal_text({Effect::kAsk, &rule}, {"/usr/bin/git", "ask git push …", "person"}) ==
        "'/usr/bin/git' may not be run like this: the rule 'ask git push …' wants somebody to be asked: others see it; "
        "the answer was no (person)");
  rule.effect = Effect::kDeny;
  CHECK(refusal_text({Effect::kDeny, &rule}, {"/usr/bin/git", "deny git push …", ""}) ==
        "'/usr/bin/git' may not be run like this: the rule 'deny git push …' denies it: others see it");
}

}  // namespace
}  // namespace writ
