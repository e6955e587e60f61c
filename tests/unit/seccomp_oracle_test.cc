#include "broker/kernel/seccomp_oracle.h"

#include <iomanip>
#include <set>
#include <sstream>

#include "broker/kernel/seccomp_certificates.h"
#include "broker/kernel/seccomp_names.h"
#include "broker/policy/bpf_interpreter.h"
#include "broker/policy/seccomp_compiler.h"
#include "broker/policy/syscall_table.h"
#include "tests/unit/seccomp_test_support.h"

namespace writ {
namespace {

using seccomp_test::call_named;
using seccomp_test::model_of;
using seccomp_test::shipped_variants;
using seccomp_test::Variant;

std::string text_of(const Status& status) { return status ? "" : status.error().describe(); }

TEST_CASE("libseccomp agrees on every shipped filter, and certificates name exactly those", "[seccomp]") {
  std::set<std::uint64_t> compared;
  for (const Variant& variant : shipped_variants()) {
    INFO(variant.title());
    const SeccompModel model = model_of(variant);
    const BpfProgram program = *compile_seccomp_model(model);
    CHECK(text_of(compare_with_oracle(model, program)) == "");
    CHECK(is_certified(model, program));
    compared.insert(certificate_of(model, program));
  }
  const std::set<std::uint64_t> listed(certificates().begin(), certificates().end());
  std::ostringstream list;
  for (const std::uint64_t hash : compared)
    list << "    0x" << std::hex << std::setw(16) << std::setfill('0') << hash << "u,\n";
  INFO("seccomp_certificates.cc should list:\n" << list.str());
  CHECK(listed == compared);
}

TEST_CASE("libseccomp agrees on the numbers of every reviewed call", "[seccomp]") {
  for (const std::uint32_t arch : {std::uint32_t{AUDIT_ARCH_X86_64}, std::uint32_t{AUDIT_ARCH_AARCH64}}) {
    SeccompModel everything;
    everything.audit_arch = arch;
    for (const SyscallNumbers& row : kSyscallNumbers) {
      const std::int16_t number = arch == AUDIT_ARCH_X86_64 ? row.x86_64 : row.aarch64;
      if (number != kNotThere) everything.rules.push_back({static_cast<std::uint32_t>(number), row.name, {}, 1});
    }
    CHECK(text_of(check_numbers_with_libseccomp(everything)) == "");
  }
}

TEST_CASE("a name that libseccomp does not know is an error, not a gap", "[seccomp]") {
  SeccompModel model;
  model.audit_arch = kNativeAuditArch;
  model.rules = {{3, "no_such_call", {}, 1}};
  CHECK_THAT(text_of(check_numbers_with_libseccomp(model)),
             Catch::Contains("does not know") && Catch::Contains("no_such_call"));
  model.rules = {{12345, "read", {}, 1}};
  CHECK_THAT(text_of(check_numbers_with_libseccomp(model)), Catch::Contains("do not agree"));
}

TEST_CASE("a program that allows more, or less, than libseccomp's is noticed", "[seccomp]") {
  const SeccompModel model = model_of({});
  SeccompModel wider = model;
  for (SyscallRule& rule : wider.rules)
    if (rule.name == "ioctl") rule.allow_if.front().front().values = {0x5401, 0x5412};
  CHECK_THAT(text_of(compare_with_oracle(model, *compile_seccomp_model(wider))), Catch::Contains("disagree"));
  SeccompModel narrower = model;
  narrower.rules.erase(narrower.rules.begin() + 5);
  CHECK_THAT(text_of(compare_with_oracle(model, *compile_seccomp_model(narrower))), Catch::Contains("disagree"));
}

TEST_CASE("libseccomp's own program for the plain calls is a filter", "[seccomp]") {
  SeccompModel plain = model_of({});
  std::erase_if(plain.rules, [](const SyscallRule& rule) { return !rule.allow_if.empty(); });
  const Result<BpfProgram> program = build_with_libseccomp(plain);
  REQUIRE(program.has_value());
  CHECK(*interpret(*program, call_named(plain, "read")) == SECCOMP_RET_ALLOW);
  CHECK(*interpret(*program, call_named(plain, "ptrace")) == (SECCOMP_RET_ERRNO | 1));
  seccomp_data foreign = call_named(plain, "read");
  foreign.arch = AUDIT_ARCH_I386;
  CHECK(*interpret(*program, foreign) == SECCOMP_RET_KILL_PROCESS);
}

}  // namespace
}  // namespace writ
