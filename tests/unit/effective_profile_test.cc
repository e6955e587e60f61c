// manifest ∩ profile ∩ ceiling on the side of the launch: which files, whose home, in which order.
#include "launcher/effective_profile.h"

#include <catch2/catch.hpp>

#include "broker/policy/access_policy.h"
#include "launcher/profile_outline.h"
#include "tests/unit/profile_fixture.h"

namespace {

using namespace writ;

Person some_person() {
  Person person;
  person.uid = 1000;
  person.name = "u";
  person.home = "/home/elsewhere";  // $HOME
  person.account_home = "/home/u";
  person.current_directory = "/home/u/work";
  return person;
}

Result<std::vector<Bound>> bounds_of(const CeilingFile& ceiling, std::vector<std::string> manifests = {}) {
  const ProfileStore store("/home/u/.config");
  return read_bounds(manifests, ceiling, {store, some_person(), "/home/u/work"});
}

CeilingFile ceiling_with(std::string_view body) {
  return std::optional<ProfileSource>(ProfileSource{kCeilingPath, "version: 1\nname: ceiling\n" + std::string(body)});
}

Effect effect_of(const Profile& profile, Right right, std::string_view path) {
  return AccessPolicy::compile(profile).decide_path({right}, path).effect;
}

TEST_CASE("without a ceiling and manifests nothing bounds", "[effective_profile]") {
  CHECK(bounds_of(std::optional<ProfileSource>()).value().empty());
}

TEST_CASE("a ceiling that cannot be trusted stops everything", "[effective_profile]") {
  const auto bounds = bounds_of(fail("the ceiling is not a regular file"));
  REQUIRE_FALSE(bounds);
  CHECK(bounds.error().what == "the ceiling is not a regular file");
}

TEST_CASE("a malformed ceiling is an error with its place", "[effective_profile]") {
  const auto bounds = bounds_of(ceiling_with("filesytem: {}\n"));
  REQUIRE_FALSE(bounds);
  CHECK(bounds.error().what.find("/etc/writ/ceiling.yaml:3:1: unknown key 'filesytem'") != std::string::npos);
}

TEST_CASE("$HOME does not move the ceiling", "[effective_profile]") {
  const auto bounds = bounds_of(ceiling_with("filesystem: {read: [~/data]}\n"));
  REQUIRE(bounds);
  CHECK(bounds->front().profile.filesystem.grants.front().path == "/home/u/data");
}

TEST_CASE("a ceiling extends shipped profiles", "[effective_profile]") {
  const auto bounds = bounds_of(ceiling_with("extends: default\n"));
  REQUIRE(bounds);
  CHECK(bounds->front().kind == BoundKind::kCeiling);
}

TEST_CASE("what the ceiling lacks is taken from what is asked for", "[effective_profile]") {
  Profile own;
  own.filesystem.grants.push_back({"/home/u/work", PathAccess::kWrite});
  own.filesystem.grants.push_back({"/srv/data", PathAccess::kWrite});
  own.network = NetworkMode::kHost;
  const auto bounds = bounds_of(ceiling_with("filesystem: {write: ['${workspace}'], read: [/srv]}\n"));
  REQUIRE(bounds);
  const auto effective = make_effective_profile(own, *bounds, {});
  REQUIRE(effective);
  CHECK(effect_of(effective->policy, Right::kWrite, "/home/u/work/x") == Effect::kAllow);
  CHECK(effect_of(effective->policy, Right::kRead, "/srv/data/x") == Effect::kAllow);
  CHECK(effect_of(effective->policy, Right::kWrite, "/srv/data/x") == Effect::kDeny);
  CHECK(effective->enforced.network == NetworkMode::kNone);
  CHECK(effective->attenuations.size() >= 2);
}

TEST_CASE("a launch without rules gets what folding would give", "[effective_profile]") {
  const ProfileStore store("");
  ProfileContext context = profile_tests::context_with();
  context.find_profile = [&](std::string_view name) { return store.find(name); };
  context.groups_source = &ProfileStore::shipped_groups;
  for (const std::string_view name : ProfileStore::shipped_names()) {
    INFO(std::string(name));
    const Profile own = load_profile(store.find(name).value(), context).value();
    const auto quick = make_effective_profile(own, {}, {}, EffectivePurpose::kLaunch).value();
    const auto whole = make_effective_profile(own, {}, {}, EffectivePurpose::kExplanation).value();
    const auto words = [&](const Profile& profile) {
      return outline_yaml(outline_profile(profile, outline_context(context)), [](const OutlineEntry&) { return ""; });
    };
    CHECK(words(quick.enforced) == words(whole.enforced));
    CHECK(quick.enforced.filesystem.deny_all.size() == whole.enforced.filesystem.deny_all.size());
    CHECK(whole.warnings.empty());
  }
}

}  // namespace
