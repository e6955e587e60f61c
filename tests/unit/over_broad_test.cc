// 50: what is refused before anybody is asked: each row of the table, and what comes near to it but may be asked.
#include "broker/requests/over_broad.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "broker/policy/secrets.h"
#include "tests/unit/approval_fixture.h"

namespace writ::approval_tests {
namespace {

BroadPlaces places() { return {"/home/ann", "/home/ann/project", secret_paths("/home/ann", 1000)}; }

struct Asked {
  const char* resource;
  std::vector<std::string> rights;
  const char* row;  // nullptr: may be asked
};

TEST_CASE("50: over-broad requests are refused, row by row, and near misses are not", "[requests][conformance]") {
  const std::vector<Asked> table = {
      {"filesystem:/srv/a", {"*"}, "any right"},
      {"filesystem:/srv/a", {"read", "*"}, "any right"},
      {"filesystem:/srv/a", {}, "no right"},
      {"*", {"read"}, "any resource"},
      {"filesystem:", {"read"}, "any resource"},
      {"*:a", {"read"}, "any resource"},
      {"capability:*", {"read"}, "capabilities"},
      {"capability:cap_1", {"read"}, "capabilities"},
      {"filesystem:/srv/a", {"read", "grant"}, "authority"},
      {"process:4711", {"admin"}, "authority"},
      {"shell:*", {"execute"}, "any program"},
      {"shell:/*", {"execute"}, "any program"},
      {"shell:*:*", {"execute"}, "any program"},
      {"shell:bash", {"execute"}, "interpreter"},
      {"shell:/usr/bin/python3:*", {"execute"}, "interpreter"},
      {"shell:make", {"execute"}, nullptr},
      {"shell:bash:build.sh", {"execute"}, nullptr},
      {"shell:git", {"execute"}, "git as a shell"},
      {"shell:git:*", {"execute"}, "git as a shell"},
      {"shell:/usr/bin/git:push --force", {"execute"}, "git as a shell"},
      {"shell:git:-c core.pager=sh status", {"execute"}, "git as a shell"},
      {"shell:git:status --short -c x", {"execute"}, "git as a shell"},
      {"shell:git:status --short", {"execute"}, nullptr},
      {"shell:git:diff --stat", {"execute"}, nullptr},
      {"shell:gitk:*", {"execute"}, nullptr},
      {"filesystem:srv/a", {"read"}, "strange path"},
      {"filesystem:/srv/../etc", {"read"}, "strange path"},
      {"filesystem:/srv/a*", {"read"}, "strange path"},
      {"filesystem:workspace:../../x", {"read"}, "strange path"},
      {"filesystem:/*", {"read"}, "everything"},
      {"filesystem:*", {"read"}, "everything"},
      {"filesystem:/", {"list"}, "everything"},
      {"filesystem:/home/ann/*", {"read"}, "home"},
      {"filesystem:/home/ann", {"list"}, "home"},
      {"filesystem:~/*", {"read"}, "home"},
      {"filesystem:~", {"read"}, "home"},
      {"filesystem:/home/*", {"read"}, "home"},
      {"filesystem:/home/ann/notes/*", {"read"}, nullptr},
      {"filesystem:/home/anna/*", {"read"}, nullptr},
      {"filesystem:/srv/*", {"read", "write"}, nullptr},
      {"filesystem:workspace:*", {"delete"}, "workspace deletion"},
      {"filesystem:/home/ann/project/*", {"read", "delete"}, "workspace deletion"},
      {"filesystem:workspace:*", {"read", "write"}, nullptr},
      {"filesystem:workspace:build/*", {"delete"}, nullptr},
      {"filesystem:/home/ann/.ssh/id_ed25519", {"read"}, "secrets"},
      {"filesystem:~/.ssh", {"list"}, "secrets"},
      {"filesystem:~/.config/*", {"read"}, "secrets"},
      {"filesystem:~/.sshx", {"read"}, nullptr},
      {"network:*:443", {"connect"}, "any address"},
      {"network:0.0.0.0/0:443", {"connect"}, "any address"},
      {"network:[::/0]:443", {"connect"}, "any address"},
      {"network:nonsense", {"connect"}, "any address"},
      {"network:169.254.169.254:80", {"connect"}, "metadata"},
      {"network:metadata.google.internal:80", {"connect"}, "metadata"},
      {"network:192.0.2.0/24:443", {"connect"}, nullptr},
      {"network:example.org:443", {"connect"}, nullptr},
  };
  std::map<std::string, int> rows;
  int near_misses = 0;
  for (const Asked& asked : table) {
    INFO(asked.resource);
    const auto why = over_broad(asked.resource, asked.rights, places());
    CHECK((why ? why->row : "may be asked") == (asked.row != nullptr ? asked.row : "may be asked"));
    if (why) CHECK_FALSE(why->reason.empty());
    if (asked.row != nullptr)
      ++rows[asked.row];
    else
      ++near_misses;
  }
  CHECK(rows.size() == 15);  // the whole table
  CHECK(near_misses >= 12);
}

TEST_CASE("50: rules for ever that would give too much are not offered", "[requests][conformance]") {
  const auto row = [](const ApprovalObject& object) -> std::string {
    const auto why = over_broad_rule(object, places());
    return why ? std::string(why->row) : std::string();
  };
  CHECK(row(PathObject{"/"}) == "everything");
  CHECK(row(PathObject{"/home"}) == "home");
  CHECK(row(PathObject{"/home/ann"}) == "home");
  CHECK(row(PathObject{"/home/ann/.ssh/id_rsa"}) == "secrets");
  CHECK(row(PathObject{"/home/ann/.config"}) == "secrets");
  CHECK(row(PathObject{"/home/ann/notes"}).empty());
  CHECK(row(PathObject{"/home/ann/project"}).empty());
  CHECK(row(PathObject{"/srv/a*b"}).empty());
  CHECK(row(CommandObject{"/usr/bin/git", {"git", "-c", "core.pager=sh", "log"}}) == "git as a shell");
  CHECK(row(CommandObject{"/usr/bin/git", {"git", "fetch", "--upload-pack=sh"}}) == "git as a shell");
  CHECK(row(CommandObject{"/usr/bin/git", {"git", "push", "--force"}}).empty());
  CHECK(row(CommandObject{"/usr/bin/gcc", {"gcc", "-c", "a.c"}}).empty());
  CHECK(row(Address::parse("169.254.169.254:80").value()) == "metadata");
  CHECK(row(Address::parse("192.0.2.1:443").value()).empty());
}

}  // namespace
}  // namespace writ::approval_tests
