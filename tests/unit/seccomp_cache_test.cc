#include "broker/kernel/seccomp_cache.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "broker/kernel/seccomp_certificates.h"
#include "broker/kernel/seccomp_loader.h"
#include "broker/policy/seccomp_compiler.h"
#include "tests/unit/seccomp_test_support.h"

namespace writ {
namespace {

namespace fs = std::filesystem;
using seccomp_test::model_of;
using seccomp_test::Variant;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (fs::temp_directory_path() / "writ-cache-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  [[nodiscard]] UniqueFd open() const { return UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

struct Fixture {
  TemporaryDirectory directory;
  SeccompCache cache = *SeccompCache::open(directory.open());
  SeccompModel model = custom_model();
  BpfProgram program = *compile_seccomp_model(model);
  fs::path file = directory.path() / SeccompCache::file_name(model);

  // Not one of the certified ones, so that the cache decides.
  static SeccompModel custom_model() {
    Variant variant;
    variant.syscalls.allow = {"vmsplice"};
    return model_of(variant);
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator{}));
  }
  [[nodiscard]] std::string content() const {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void overwrite(const std::string& bytes) const { std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes; }
};

TEST_CASE("a record confirms exactly the program and the model it was written for", "[seccomp]") {
  const Fixture f;
  CHECK_FALSE(f.cache.confirms(f.model, f.program));
  REQUIRE(f.cache.store(f.model, f.program).has_value());
  CHECK(f.cache.confirms(f.model, f.program));
  CHECK(f.files() == 1);
  CHECK((fs::status(f.file).permissions() & fs::perms(0077)) == fs::perms::none);

  BpfProgram other = f.program;
  other.back().k ^= 1;
  CHECK_FALSE(f.cache.confirms(f.model, other));
  SeccompModel model = f.model;
  model.rules.pop_back();
  CHECK_FALSE(f.cache.confirms(model, f.program));
  CHECK(SeccompCache::file_name(model) != SeccompCache::file_name(f.model));
}

TEST_CASE("a damaged, truncated, longer or foreign record is a miss and is replaced", "[seccomp]") {
  const Fixture f;
  REQUIRE(f.cache.store(f.model, f.program).has_value());
  const std::string good = f.content();
  REQUIRE(good.size() > 1000);
  const auto refused_and_replaced = [&] {
    CHECK_FALSE(f.cache.confirms(f.model, f.program));
    REQUIRE(f.cache.store(f.model, f.program).has_value());
    CHECK(f.cache.confirms(f.model, f.program));
    CHECK(f.files() == 1);
  };
  for (const std::size_t at : {std::size_t{0}, good.size() / 2, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    f.overwrite(bad);
    refused_and_replaced();
  }
  f.overwrite(good.substr(0, good.size() - 8));
  refused_and_replaced();
  f.overwrite(good + "x");
  refused_and_replaced();
  f.overwrite("");
  refused_and_replaced();
  fs::permissions(f.file, fs::perms(0666));
  refused_and_replaced();
  fs::permissions(f.file, fs::perms(0620));
  refused_and_replaced();
}

TEST_CASE("links, pipes and directories in the record's place are never read", "[seccomp]") {
  const Fixture f;
  REQUIRE(f.cache.store(f.model, f.program).has_value());
  const fs::path aside = f.directory.path() / "aside";
  fs::rename(f.file, aside);
  fs::create_symlink(aside, f.file);
  CHECK_FALSE(f.cache.confirms(f.model, f.program));
  fs::remove(f.file);
  REQUIRE(::mkfifo(f.file.c_str(), 0600) == 0);
  CHECK_FALSE(f.cache.confirms(f.model, f.program));  // and does not hang
  fs::remove(f.file);
  fs::create_directory(f.file);
  CHECK_FALSE(f.cache.confirms(f.model, f.program));
  CHECK_FALSE(f.cache.store(f.model, f.program).has_value());
  CHECK(seccomp_program_for(f.model, &f.cache).has_value());
}

TEST_CASE("a record of another owner is a miss", "[seccomp]") {
  const Fixture f;
  REQUIRE(f.cache.store(f.model, f.program).has_value());
  if (::geteuid() != 0) {
    WARN("skipped: needs root to give a file away");
    return;
  }
  REQUIRE(::chown(f.file.c_str(), 12345, 12345) == 0);
  CHECK_FALSE(f.cache.confirms(f.model, f.program));
}

TEST_CASE("a directory that others can write to is no cache", "[seccomp]") {
  const TemporaryDirectory directory;
  CHECK(SeccompCache::open(directory.open()).has_value());
  fs::permissions(directory.path(), fs::perms(0777));
  CHECK_FALSE(SeccompCache::open(directory.open()).has_value());
  CHECK_FALSE(SeccompCache::open(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))).has_value());
  CHECK_FALSE(SeccompCache::open(UniqueFd()).has_value());
}

TEST_CASE("the filter is the same with a cold, a warm, a poisoned and no cache", "[seccomp]") {
  const Fixture f;
  REQUIRE_FALSE(is_certified(f.model, f.program));
  const auto same = [&](const SeccompCache* cache) {
    const Result<BpfProgram> program = seccomp_program_for(f.model, cache);
    REQUIRE(program.has_value());
    const std::size_t size = f.program.size() * sizeof(sock_filter);
    return program->size() == f.program.size() && std::memcmp(program->data(), f.program.data(), size) == 0;
  };
  CHECK(same(nullptr));
  CHECK(f.files() == 0);
  CHECK(same(&f.cache));
  CHECK(f.cache.confirms(f.model, f.program));
  CHECK(same(&f.cache));
  // A record whose program allows everything.
  std::string forged = f.content();
  const sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  std::memcpy(forged.data() + forged.size() - f.program.size() * sizeof(sock_filter), &allow, sizeof(allow));
  f.overwrite(forged);
  CHECK(same(&f.cache));
  CHECK(f.cache.confirms(f.model, f.program));
}

TEST_CASE("no cache is needed for the certified filters", "[seccomp]") {
  const TemporaryDirectory directory;
  const SeccompCache cache = *SeccompCache::open(directory.open());
  REQUIRE(seccomp_program_for(model_of({}), &cache).has_value());
  CHECK(fs::is_empty(directory.path()));
}

// What the kernel makes of the filter: runs `attempt` in a filtered child and returns its status.
template <class Attempt>
int filtered_child(const BpfProgram& program, Attempt attempt) {
  const sock_fprog kernel = kernel_program(program);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || install_seccomp_filter(kernel) != 0) ::_exit(200);
    ::_exit(attempt());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

TEST_CASE("the loaded filter does in the kernel what the model says", "[seccomp]") {
  const BpfProgram program = *seccomp_program_for(model_of({}), nullptr);
  const auto errno_of = [&](auto... arguments) {
    const int status = filtered_child(program, [=] { return ::syscall(arguments...) < 0 ? errno : 0; });
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  };
  CHECK(errno_of(SYS_getpid) == 0);
  CHECK(errno_of(SYS_unshare, 0) == EPERM);
  CHECK(::syscall(SYS_unshare, 0) == 0);  // the control: without the filter it works
  CHECK(errno_of(SYS_clone3, nullptr, 0) == ENOSYS);
  CHECK(errno_of(1000) == ENOSYS);
  CHECK(errno_of(SYS_ioctl, 0, 0x5412ul | (1ul << 32), nullptr) == ENOTTY);
  CHECK(errno_of(SYS_socket, 16, 3, 0) == EAFNOSUPPORT);
  CHECK(errno_of(SYS_fchmodat, -1, "x", 04755) == EPERM);
#if defined(__x86_64__)
  const int x32 = filtered_child(program, [] { return static_cast<int>(::syscall(SYS_getpid | kX32Bit)); });
  CHECK((WIFSIGNALED(x32) && WTERMSIG(x32) == SIGSYS));
  const int i386 = filtered_child(program, [] {
    long result = 20;  // getpid of i386
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
    return 0;
  });
  CHECK((WIFSIGNALED(i386) && (WTERMSIG(i386) == SIGSYS || WTERMSIG(i386) == SIGSEGV)));
#endif
}

TEST_CASE("without no_new_privs the kernel refuses the filter, or the caller is privileged", "[seccomp]") {
  const BpfProgram program = *compile_seccomp_model(model_of({}));
  const sock_fprog kernel = kernel_program(program);
  const pid_t child = ::fork();
  if (child == 0) {
    const long result = install_seccomp_filter(kernel);
    ::_exit(result == 0 ? 0 : static_cast<int>(-result));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  const bool privileged = ::geteuid() == 0;
  CHECK((WEXITSTATUS(status) == EACCES || (privileged && WEXITSTATUS(status) == 0)));
}

}  // namespace
}  // namespace writ
