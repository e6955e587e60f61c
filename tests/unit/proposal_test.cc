// From what was seen to the text of a profile: what is granted, what is only said, and that no name of a file says more
// than it should.
#include "broker/learning/proposal.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "broker/learning/profile_insertion.h"
#include "broker/learning/profile_text.h"
#include "broker/policy/secrets.h"
#include "tests/unit/learning_fixture.h"

using namespace writ;
using writ::learning_test::FakeHost;
using writ::learning_test::reading;
using writ::learning_test::writing;
using writ::profile_tests::Files;

namespace {

const Files kFiles = {
    {"base", "version: 1\nname: base\nfilesystem: {read: [/usr, /etc]}\n"},
    {"default",
     "version: 1\nname: default\nextends: base\nfilesystem: {write: ['${workspace}'], protect: [.envrc]}\n"}};

Profile load(const std::string& text) {
  auto profile = load_profile({"test.yaml", text}, profile_tests::context_with(kFiles));
  if (!profile) FAIL(profile.error().describe() << "\n" << text);
  profile->home.clear();  // as launcher/learn_command.cc does: the real home is what is learned about
  return *profile;
}

// One run, from its sightings to the proposal.
struct Run {
  explicit Run(const std::string& profile_text = kFiles.at("default"))
      : places{"/home/u/work", "/home/u", secret_paths("/home/u", 1000)},
        policy(AccessPolicy::compile(load(profile_text))),
        record(places, policy) {}
  Run(Run&&) = delete;

  void add(const PathSighting& sighting) { record.add(sighting, "tool"); }
  Proposal proposal(const ProposalOptions& options = {}) const { return propose(record, host, options); }
  std::string text() const { return profile_text(proposal(), places, {"learned", "tool", {}, {}}); }

  LearningPlaces places;
  AccessPolicy policy;
  LearningRecord record;
  FakeHost host;
};

std::vector<std::string> rule_paths(const Proposal& proposal) {
  std::vector<std::string> paths;
  for (const ProposedRule& rule : proposal.rules) paths.push_back(rule.path);
  return paths;
}

using Strings = std::vector<std::string>;

TEST_CASE("proposal: what the base grants and the sandbox has of its own needs no rule") {
  Run run;
  for (const char* path : {"/usr/lib/x", "/etc/hosts", "/home/u/work/a", "/tmp/x", "/proc/self/maps", "/dev/null"})
    run.add(reading(path));
  CHECK(run.proposal().rules.empty());
  CHECK(run.proposal().suggestions.empty());
  CHECK(run.proposal().extends == "base");
  CHECK(run.proposal().reads_workspace);
  run.add(writing("/home/u/work/a", Obstacle::kNone));
  CHECK(run.proposal().extends == "default");
  CHECK_FALSE(run.proposal().reads_workspace);
}

TEST_CASE("proposal: a file of the home is granted, writing it is only said") {
  Run run;
  run.add(reading("/home/u/settings"));
  run.add(writing("/home/u/.bashrc", Obstacle::kReadOnly));
  const Proposal proposal = run.proposal();
  CHECK(rule_paths(proposal) == Strings{"/home/u/settings"});
  REQUIRE(proposal.suggestions.size() == 1);
  CHECK(proposal.suggestions[0].kind == SuggestionKind::kWriting);
  CHECK(run.text().find("- {path: ~/settings, optional: true}") != std::string::npos);
}

TEST_CASE("proposal: a protected name stays protected") {
  Run run;
  run.add(writing("/home/u/work/.envrc", Obstacle::kReadOnly));
  REQUIRE(run.proposal().suggestions.size() == 1);
  CHECK(run.proposal().suggestions[0].kind == SuggestionKind::kDenied);
  CHECK(run.proposal().rules.empty());
}

TEST_CASE("proposal: no secret of the table is ever granted, however it is used") {
  Run run;
  for (const std::string& secret : run.places.secrets)
    for (const char* below : {"", "/x", "/y", "/z", "/a/b"}) {
      run.add(reading(secret + below));
      run.add(writing(secret + below, Obstacle::kNone));
      run.host.files.insert(secret + below);
    }
  CHECK(run.proposal().rules.empty());
  const Profile learned = load(run.text());
  for (const PathGrant& grant : learned.filesystem.grants) CHECK(secret_above(grant.path, run.places.secrets).empty());
}

TEST_CASE("proposal: looking is not reading") {
  Run run;
  PathSighting look = reading("/srv/x/file");
  look.rights = {};
  run.add(look);
  CHECK(run.proposal().rules.empty());
  REQUIRE(run.proposal().suggestions.size() == 1);
  CHECK(run.proposal().suggestions[0].kind == SuggestionKind::kLookedAt);
  PathSighting absent = reading("/srv/x/absent");
  absent.finding = Finding::kMissing;
  absent.obstacle = Obstacle::kAbsent;
  run.add(absent);
  CHECK(run.proposal().suggestions.size() == 1);
}

TEST_CASE("proposal: a link that the sandbox would lack gets the name that was used") {
  Run run;
  PathSighting through = reading("/srv/real/data");
  through.used_path = "/home/u/link/data";
  through.links = {"/home/u/link"};
  run.add(through);
  CHECK(rule_paths(run.proposal()) == Strings{"/home/u/link/data", "/srv/real/data"});
  Run inside;
  through.links = {"/usr/link"};
  inside.add(through);
  CHECK(rule_paths(inside.proposal()) == Strings{"/srv/real/data"});
}

TEST_CASE("proposal: many rules end in a count") {
  Run run;
  for (std::size_t i = 0; i < kRuleLimit + kSuggestionLimit + 50; ++i) run.add(reading("/srv/x" + std::to_string(i)));
  const Proposal proposal = run.proposal();
  CHECK(proposal.rules.size() == kRuleLimit);
  CHECK(proposal.suggestions.size() == kSuggestionLimit);
  CHECK(proposal.not_listed[static_cast<std::size_t>(SuggestionKind::kTooMany)] == 50);
}

TEST_CASE("proposal: what was proposed is what is not proposed again") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<PathSighting> sightings;
    Run first;
    for (unsigned i = 0; i < 30; ++i) {
      std::string path = random() % 2 == 0 ? "/srv" : "/home/u";
      for (auto depth = 1 + random() % 4; depth > 0; --depth) path += std::string("/") + "abc"[random() % 3];
      first.host.files.insert(path + "/f" + std::to_string(i));
      if (random() % 3 != 0) sightings.push_back(reading(path + "/f" + std::to_string(i)));
    }
    for (const PathSighting& sighting : sightings) first.add(sighting);
    Run second(first.text());
    for (const PathSighting& sighting : sightings) second.add(sighting);
    REQUIRE(rule_paths(second.proposal()) == Strings{});
    const auto merged = insert_into_profile("p", first.text(), second.proposal(), second.places, "again");
    REQUIRE(merged.value() == first.text());
  }
}

// --- names ---

std::string random_name(std::mt19937& random) {
  const std::string hard = "\n\t\"'#:${}[]*?&!|>%@`\\ ~-,\x01\x7f\xff\xc3\xa4\xe2\x80\xae";
  std::string name;
  for (auto length = 1 + random() % 12; length > 0; --length)
    name += random() % 3 == 0 ? static_cast<char>('a' + random() % 26) : hard[random() % hard.size()];
  return name;
}

TEST_CASE("profile text: whatever a file is called, the profile grants that file or says that it cannot") {
  std::mt19937 random(11);
  unsigned granted = 0;
  for (int round = 0; round < 3000; ++round) {
    Run run;
    const std::string path = (round % 2 == 0 ? "/home/u/" : "/srv/") + random_name(random);
    run.add(reading(path));
    const Profile learned = load(run.text());
    Strings grants;
    for (const PathGrant& grant : learned.filesystem.grants)
      if (grant.path != "/usr" && grant.path != "/etc" && grant.path != "/home/u/work") grants.push_back(grant.path);
    CAPTURE(run.text());
    if (is_expressible_path(run.places.spelled(path))) {
      REQUIRE(grants == Strings{path});
      ++granted;
    } else {
      REQUIRE(grants == Strings{});
      REQUIRE(run.proposal().suggestions.at(0).kind == SuggestionKind::kInexpressible);
    }
    REQUIRE(learned.network == NetworkMode::kNone);
    REQUIRE(learned.rules.empty());
  }
  CHECK(granted > 300);
}

// --- adding to a profile ---

Proposal reads(const std::string& path) {
  Proposal proposal;
  proposal.rules.push_back({path, PathAccess::kRead, false, {path}, 1, "seen"});
  return proposal;
}

std::string inserted(const std::string& text, const Proposal& proposal) {
  const LearningPlaces places{"/w", "/home/u", {}};
  const auto result = insert_into_profile("p.yaml", text, proposal, places, "mark");
  if (!result) return result.error().describe();
  return *result;
}

TEST_CASE("insertion: into the list that is there, and nothing else changes") {
  const std::string text =
      "version: 1 # one\nname: p\nfilesystem:\n    read:\n    - /a   # mine\n\n    - {path: /b,\n"
      "       optional: true}\n    # of the end\n    write:\n      - /c\n# last\n";
  const std::string result = inserted(text, reads("/new"));
  CHECK(result.find("optional: true}\n    # --- added mark\n    # seen\n    - {path: /new, optional: true}\n"
                    "    # --- end of what was added\n    # of the end\n    write:") != std::string::npos);
  CHECK(profile_tests::grant_paths(load(result)) == Strings{"/a", "/b", "/new", "/c"});
}

TEST_CASE("insertion: the sections that are missing are made") {
  const std::string head = "version: 1\nname: p\n";
  for (const std::string& text :
       {head, head + "filesystem:\n  write:\n    - /c\n", head + "limits:\n  processes: 64\n"}) {
    const Profile profile = load(inserted(text, reads("/new")));
    CHECK(profile_tests::contains(profile_tests::grant_paths(profile), "/new"));
  }
}

TEST_CASE("insertion: lists in one line are left to a person") {
  const std::string head = "version: 1\nname: p\n";
  for (const std::string& text :
       {head + "filesystem: {read: [/a]}\n", head + "filesystem:\n  read: [/a]\n", head + "filesystem:\n  read: []\n"})
    CHECK(inserted(text, reads("/new")).find("cannot add to a list") != std::string::npos);
}

TEST_CASE("insertion: nothing new leaves the text as it is") {
  const std::string text = "version: 1\nname: p";
  CHECK(inserted(text, Proposal{}) == text);
}

}  // namespace
