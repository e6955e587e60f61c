#include "broker/sandbox/plan_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// Attack 31: a memory file that is shortened while somebody maps it ends him with SIGBUS, one that is changed after the
// check is another plan.
struct Change {
  const char* name;
  std::function<bool(int)> make;
};

bool store_through_mapping(int fd) {
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return false;
  *static_cast<char*>(memory) = 'X';
  return ::munmap(memory, 4096) == 0;
}

const std::vector<Change>& changes() {
  static const std::vector<Change> list = {
      {"write", [](int fd) { return ::pwrite(fd, "X", 1, 0) == 1; }},
      {"shorten", [](int fd) { return ::ftruncate(fd, 0) == 0; }},
      {"lengthen", [](int fd) { return ::ftruncate(fd, 1 << 20) == 0; }},
      {"hole", [](int fd) { return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0; }},
      {"mapping", store_through_mapping},
      {"fewer seals", [](int fd) { return ::fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) == 0; }},
  };
  return list;
}

bool changed(const Change& change, int fd) {
  // Opened anew as well: the broker's own descriptor is not the only way to a file of one's own.
  const UniqueFd again(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR | O_CLOEXEC));
  return change.make(fd) || (again.valid() && change.make(again.get()));
}

UniqueFd plan_memory() {
  PlanContent content;
  content.arguments = {"program", std::string(10000, 'x')};
  auto written = write_plan(content);
  REQUIRE(written);
  return std::move(written->memory);
}

TEST_CASE("nothing changes a plan after it was written", "[sandbox]") {
  for (const Change& change : changes()) {
    INFO(change.name);
    const UniqueFd free(::memfd_create("control", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    REQUIRE(::write(free.get(), "0123456789", 10) == 10);
    CHECK(changed(change, free.get()));  // the control
    const UniqueFd plan = plan_memory();
    const off_t size = ::lseek(plan.get(), 0, SEEK_END);
    CHECK_FALSE(changed(change, plan.get()));
    CHECK(::lseek(plan.get(), 0, SEEK_END) == size);
  }
}

TEST_CASE("a descriptor is granted once, and not more of them than a plan holds", "[sandbox]") {
  PlanContent content;
  content.descriptors = {{5, 0}, {5, 1}};
  CHECK_FALSE(write_order(content));
  content.descriptors.clear();
  for (int number = 0; number < 10000; ++number) content.descriptors.push_back({number, 0});
  CHECK_FALSE(write_order(content));
}

}  // namespace
}  // namespace writ
