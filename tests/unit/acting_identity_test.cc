// Acting as a tool: in force from the first scope until somebody steps back, and never root's power over files.
#include "broker/kernel/acting_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

constexpr FileIdentity kTool{54321, 54322};

FileIdentity owner_of_new_file(const std::string& path) {
  ::unlink(path.c_str());
  ::close(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0666));
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return {status.st_uid, status.st_gid};
}

bool opens(const std::string& path) { return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)).valid(); }

TEST_CASE("a umask scope ends with the umask that was there before") {
  const mode_t before = ::umask(022);
  {
    const UmaskScope scope(077);
    CHECK(::umask(077) == 077);
  }
  CHECK(::umask(before) == 022);
}

TEST_CASE("an identity stays in force until somebody steps back") {
  if (::geteuid() != 0) {
    CHECK_FALSE(ActingIdentity::as(kTool));  // an ordinary user cannot be anybody else
    return;
  }
  std::string top = std::filesystem::temp_directory_path() / "writ-acting-XXXXXX";
  REQUIRE(::mkdtemp(top.data()) != nullptr);
  REQUIRE(::chmod(top.c_str(), 0777) == 0);
  const std::string secret = top + "/secret";
  ::close(::open(secret.c_str(), O_CREAT | O_WRONLY, 0600));
  const FileIdentity own{::geteuid(), ::getegid()};
  const auto acting = ActingIdentity::as(kTool);
  REQUIRE(acting);
  CHECK(owner_of_new_file(top + "/a") == own);
  {
    const ActingIdentity::Scope scope(*acting, 077);
    CHECK(scope.in_force());
    CHECK(owner_of_new_file(top + "/b") == kTool);
    CHECK_FALSE(opens(secret));
    {
      const ActingIdentity::Pause pause;
      CHECK(opens(secret));
      CHECK(owner_of_new_file(top + "/p") == own);
    }
    CHECK_FALSE(opens(secret));
  }
  CHECK_FALSE(opens(secret));  // still the tool
  {
    const ActingIdentity::Scope scope(*acting);
    CHECK(scope.in_force());
    CHECK(owner_of_new_file(top + "/c") == kTool);
  }
  {
    const ActingIdentity nobody_else;
    const ActingIdentity::Scope scope(nobody_else);  // whoever the broker is
    CHECK(scope.in_force());
    CHECK(owner_of_new_file(top + "/d") == own);
  }
  { const ActingIdentity::Scope scope(*acting); }
  CHECK(ActingIdentity::step_back());
  CHECK(ActingIdentity::step_back());
  CHECK(opens(secret));
  CHECK(owner_of_new_file(top + "/e") == own);
  std::filesystem::remove_all(top);
}

TEST_CASE("nobody acts as root") {
  CHECK_FALSE(ActingIdentity::as({0, 5}));
  CHECK_FALSE(ActingIdentity::as({5, 0}));
}

}  // namespace
}  // namespace writ
