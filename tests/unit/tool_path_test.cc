// What a path means to a tool, in a small file system that is the root directory of nobody; and the other readers that
// take foreign bytes.
#include "broker/observation/tool_path.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>

#include "broker/observation/address_text.h"
#include "broker/observation/host_census.h"
#include "broker/observation/program_file.h"

using namespace writ;

namespace {

class Tree {
 public:
  Tree() {
    std::string name = "/tmp/writ-test-tool-path-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    top_ = name;
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() { std::filesystem::remove_all(top_); }

  Tree& file(const std::string& path) {
    std::filesystem::create_directories((top_ + path).substr(0, (top_ + path).rfind('/')));
    std::ofstream(top_ + path) << "x";
    return *this;
  }
  Tree& link(const std::string& path, const std::string& target) {
    std::filesystem::create_symlink(target, top_ + path);
    return *this;
  }
  [[nodiscard]] ToolRoot root() const { return ToolRoot::adopt(UniqueFd(::open(top_.c_str(), O_PATH | O_CLOEXEC))); }
  [[nodiscard]] ResolvedPath resolve(const std::string& path, EndLink final_link = EndLink::kFollowed) const {
    return root().resolve(path, final_link);
  }
  [[nodiscard]] const std::string& top() const { return top_; }

 private:
  std::string top_;
};

TEST_CASE("tool path: a path without links is its own name") {
  Tree tree;
  tree.file("/a/b/c");
  const ResolvedPath found = tree.resolve("//a/./b/../b/c");
  CHECK(found.canonical == "/a/b/c");
  CHECK(found.object.valid());
  CHECK(found.links.empty());
  CHECK(found.used.empty());
}

TEST_CASE("tool path: links lead where the tool would get, and are remembered") {
  Tree tree;
  tree.file("/real/file").link("/way", "real").link("/absolute", "/way/file").link("/up", "../../../real/file");
  const ResolvedPath through = tree.resolve("/way/file");
  CHECK(through.canonical == "/real/file");
  CHECK(through.used == "/way/file");
  CHECK(through.links == std::vector<std::string>{"/way"});
  const ResolvedPath twice = tree.resolve("/absolute");
  CHECK(twice.canonical == "/real/file");
  CHECK(twice.links == std::vector<std::string>{"/absolute", "/way"});
  // ".." does not lead out of the root directory.
  CHECK(tree.resolve("/up").canonical == "/real/file");
  CHECK(tree.resolve("/../../real/file").canonical == "/real/file");
  // Not a link on a way that goes up again: what ".." means depends on where the link leads.
  CHECK(tree.resolve("/way/../real/file").canonical == "/real/file");
  CHECK(tree.resolve("/way/../real/file").used.empty());
}

TEST_CASE("tool path: the link itself, where it is meant") {
  Tree tree;
  tree.file("/real/file").link("/link", "/real/file").link("/dangling", "/absent");
  CHECK(tree.resolve("/link", EndLink::kMeant).canonical == "/link");
  CHECK(S_ISLNK(tree.resolve("/link", EndLink::kMeant).status.st_mode));
  const ResolvedPath dangling = tree.resolve("/dangling");
  CHECK_FALSE(dangling.object.valid());
  CHECK(dangling.canonical == "/absent");
  CHECK(dangling.directory.valid());
}

TEST_CASE("tool path: what is missing is named all the same") {
  Tree tree;
  tree.file("/a/b").link("/way", "/a");
  const ResolvedPath absent = tree.resolve("/way/new");
  CHECK(absent.canonical == "/a/new");
  CHECK_FALSE(absent.object.valid());
  CHECK(absent.directory.valid());
  const ResolvedPath deep = tree.resolve("/way/no/such/place");
  CHECK(deep.canonical == "/a/no/such/place");
  CHECK_FALSE(deep.directory.valid());
  CHECK_FALSE(tree.resolve("/a/b/not-a-directory").object.valid());
}

TEST_CASE("tool path: circles end, and the kernel's own places are not entered") {
  Tree tree;
  tree.file("/x").link("/loop", "loop").link("/one", "two").link("/two", "one").link("/process", "/proc/self/root");
  CHECK_FALSE(tree.resolve("/loop").object.valid());
  CHECK_FALSE(tree.resolve("/one/x").object.valid());
  CHECK(tree.resolve("/process/etc/shadow").canonical == "/proc/self/root/etc/shadow");
  CHECK_FALSE(tree.resolve("/process/etc/shadow").object.valid());
  CHECK_FALSE(tree.resolve("/proc/1/environ").object.valid());
}

TEST_CASE("tool path: the longest path there is") {
  Tree tree;
  std::string path;
  while (path.size() < 4000) path += "/" + std::string(40, 'x');
  CHECK_FALSE(tree.resolve(path).object.valid());
  CHECK(tree.resolve(path).canonical == path);
}

TEST_CASE("program file: interpreters and loaders") {
  CHECK(interpreter_in("#!/bin/sh\nrest") == "/bin/sh");
  CHECK(interpreter_in("#! \t/usr/bin/env python3\n") == "/usr/bin/env");
  for (const char* none : {"", "#!", "#!\n", "#!relative\n",
                           "\x7f"
                           "ELF",
                           "plain"})
    CHECK(interpreter_in(none).empty());
  const UniqueFd shell(::open("/bin/sh", O_PATH | O_CLOEXEC));
  CHECK(interpreter_of(shell.get()).starts_with("/lib"));
  const UniqueFd directory(::open("/", O_PATH | O_CLOEXEC));
  CHECK(interpreter_of(directory.get()).empty());
}

TEST_CASE("program file: a damaged header says nothing") {
  std::ifstream file("/bin/sh", std::ios::binary);
  std::string beginning(4096, '\0');
  file.read(beginning.data(), 4096);
  for (std::size_t length = 0; length < 1024; ++length) (void)interpreter_in(beginning.substr(0, length));
  for (std::size_t at = 4; at < 64; ++at) {
    std::string damaged = beginning;
    damaged[at] = '\xff';
    (void)interpreter_in(damaged);
  }
}

template <class Address>
std::span<const std::byte> bytes_of(const Address& address, std::size_t length = sizeof(Address)) {
  return std::as_bytes(std::span(&address, 1)).first(length);
}

TEST_CASE("address text: what a report says of a socket address") {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(443);
  four.sin_addr.s_addr = htonl(0xC0000201);
  CHECK(address_text(bytes_of(four)).text == "192.0.2.1:443");
  CHECK(address_text(bytes_of(four, 3)).text.empty());
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(80);
  six.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  CHECK(address_text(bytes_of(six)).text == "[::1]:80");
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  std::strcpy(path.sun_path, "/run/x");
  CHECK(address_text(bytes_of(path)).text == "unix:/run/x");
  CHECK(address_text(bytes_of(path, 4)).text == "unix:/r");
  CHECK(address_text({}).text.empty());
}

TEST_CASE("host census: counts files at every depth, and never more than asked for") {
  Tree tree;
  tree.file("/d/1").file("/d/2/3").file("/d/2/4/5").link("/d/6", "/etc");
  std::filesystem::create_directory(tree.top() + "/d/empty");
  const HostCensus census;
  CHECK(census.files_beneath(tree.top() + "/d", 100) == 4);
  CHECK(census.files_beneath(tree.top() + "/d", 1).value() > 1);
  CHECK(census.files_beneath(tree.top() + "/d/empty", 0) == 0);
  CHECK_FALSE(census.files_beneath(tree.top() + "/d/6", 100));  // a link
  CHECK_FALSE(census.files_beneath(tree.top() + "/d/1", 100));
  CHECK(census.exists(tree.top() + "/d/6"));
}

}  // namespace
