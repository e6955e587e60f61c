// Resolved profiles as text: round trips, places, differences.
#include "launcher/profile_outline.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "launcher/profile_diff.h"
#include "launcher/profile_provenance.h"
#include "launcher/profile_store.h"
#include "tests/unit/profile_fixture.h"

namespace {

using namespace writ;
using namespace writ::profile_tests;

ProfileContext shipped_context() {
  static const ProfileStore store("");
  ProfileContext context = context_with();
  context.find_profile = [](std::string_view name) { return store.find(name); };
  context.groups_source = &ProfileStore::shipped_groups;
  return context;
}

std::vector<OutlineEntry> outline_of(const ProfileSource& source) {
  const ProfileContext context = shipped_context();
  const auto profile = load_profile(source, context);
  if (!profile) FAIL(profile.error().describe());
  return outline_profile(*profile, outline_context(context));
}

std::string yaml_of(const std::vector<OutlineEntry>& entries) {
  return outline_yaml(entries, [](const OutlineEntry&) { return ""; });
}

// The entries as a set: two policies are the same in whichever order their lists are.
Strings sorted_entries(const std::vector<OutlineEntry>& entries) {
  Strings lines;
  for (const OutlineEntry& entry : entries) lines.push_back(entry.section + " " + entry.key + " " + entry.value);
  std::sort(lines.begin(), lines.end());
  return lines;
}

void check_round_trip(const ProfileSource& source) {
  INFO(source.display_name);
  const auto first = outline_of(source);
  const std::string yaml = yaml_of(first);
  INFO(yaml);
  const auto second = outline_of({"again.yaml", yaml});
  CHECK(sorted_entries(first) == sorted_entries(second));
  CHECK(compare_outlines(first, second).empty());
}

TEST_CASE("a resolved profile loads again to the same policy", "[profile_outline]") {
  const ProfileStore store("");
  for (const std::string_view name : ProfileStore::shipped_names()) check_round_trip(store.find(name).value());
  check_round_trip(
      {"t.yaml", with_head("extends: build\n"
                           "description: \"two\\nlines, with 'quotes' # and more\"\n"
                           "variables: {data: '${home}/data'}\n"
                           "filesystem:\n"
                           "  read: [~/.ssh, '${workspace}/sub', '${data}/x', {path: '/a, b', optional: true}]\n"
                           "  write: ['/price $$5']\n"
                           "  hide: ['${data}/x/private']\n"
                           "environment: {pass: [MY_*], set: {A: 'costs $$5', B: '', C: \"x\\ty\"}}\n"
                           "limits: {wall_time: 90s, cpu_time: 2m, address_space: 3000000000, file_size: none}\n"
                           "isolation: {ipc_namespace: prefer}\n"
                           "syscalls: {deny: [ptrace]}\n")});
}

TEST_CASE("a grant through the workspace does not become a named one", "[profile_outline]") {
  const auto entries =
      outline_of({"t.yaml", with_head("filesystem: {write: ['${workspace}'], read: [/home/u/work/x]}\n")});
  const std::string yaml = yaml_of(entries);
  CHECK(yaml.find("- '${workspace}'\n") != std::string::npos);
  CHECK(yaml.find("- /home/u/work/x\n") != std::string::npos);
}

TEST_CASE("entries know where they were written", "[profile_outline]") {
  const ProfileStore store("");
  const std::vector<ProfileSource> layers = {store.find("base").value(),
                                             store.find("default").value(),
                                             {"my.yaml", with_head("extends: default\n"
                                                                   "filesystem:\n"
                                                                   "  read: [~/data]\n"
                                                                   "limits:\n"
                                                                   "  processes: 7\n")}};
  const ProfileContext context = shipped_context();
  const Profile profile = load_profile(layers.back(), context).value();
  const ProfileProvenance provenance(layers, context.variables);
  const auto place = [&](std::string_view section, std::string_view value) -> std::string {
    for (const OutlineEntry& entry : outline_profile(profile, outline_context(context)))
      if (entry.section == section && (entry.value == value || entry.key == value))
        return provenance.place_of(profile, entry);
    return "not found";
  };
  CHECK(place("filesystem.read", "/home/u/data") == "my.yaml:5");
  CHECK(place("limits", "processes") == "my.yaml:7");
  CHECK(place("limits", "open_files").empty());  // said by no file
  CHECK(place("filesystem.read", "/usr").find("profile 'base':") == 0);
  CHECK(place("filesystem.protect", ".envrc").find("profile 'default':") == 0);
}

TEST_CASE("differences are those of the meaning", "[profile_outline]") {
  const auto before = outline_of({"a.yaml", with_head("filesystem: {read: [/a, /b]}\nlimits: {processes: 7}\n")});
  const auto after = outline_of({"b.yaml",
                                 "version: 1\nname: other\ndescription: words\nlimits: {processes: 8}\n"
                                 "filesystem: {read: [{path: /b, optional: true}, /c]}\n"});
  const auto changes = compare_outlines(before, after);
  REQUIRE(changes.size() == 4);
  CHECK((changes[0].what == "/a" && changes[0].before == "/a" && changes[0].after.empty()));
  CHECK((changes[1].what == "/b" && changes[1].before == "/b" && changes[1].after == "{path: /b, optional: true}"));
  CHECK((changes[2].what == "/c" && changes[2].before.empty() && changes[2].after == "/c"));
  CHECK((changes[3].what == "processes" && changes[3].before == "7" && changes[3].after == "8"));
  CHECK(compare_outlines(before, before).empty());
}

}  // namespace
