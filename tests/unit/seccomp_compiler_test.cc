#include "broker/policy/seccomp_compiler.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "broker/policy/bpf_disassembler.h"
#include "broker/policy/bpf_interpreter.h"
#include "broker/policy/seccomp_check.h"
#include "tests/unit/seccomp_test_support.h"

namespace writ {
namespace {

using seccomp_test::call_of;
using seccomp_test::model_of;
using seccomp_test::RandomModels;
using seccomp_test::shipped_variants;
using seccomp_test::Variant;

BpfProgram compiled(const SeccompModel& model) {
  Result<BpfProgram> program = compile_seccomp_model(model);
  if (!program) FAIL(program.error().describe());
  return *program;
}

// Values that one of the shipped rules treats as a border, alone and with the high half set.
std::vector<std::uint64_t> interesting_values() {
  std::vector<std::uint64_t> values;
  for (int bit = 0; bit < 32; ++bit) values.push_back(std::uint64_t{1} << bit);
  for (const std::uint64_t value :
       {0ull, 3ull, 5ull, 10ull, 16ull, 17ull, 0x2Full, 0x400040ull, 0x5401ull, 0x5412ull, 06755ull, 0xFFFFFFFFull})
    values.push_back(value);
  const std::size_t low = values.size();
  for (std::size_t i = 0; i < low; ++i) values.push_back(values[i] | 0xFFFFFFFF00000000u);
  return values;
}

TEST_CASE("every number on every architecture gets the model's verdict", "[seccomp]") {
  const std::vector<std::uint64_t> values = interesting_values();
  for (const Variant& variant : shipped_variants()) {
    INFO(variant.title());
    const SeccompModel model = model_of(variant);
    const BpfProgram program = compiled(model);
    const ValidatedProgram run = *ValidatedProgram::make(program);
    std::size_t wrong = 0;
    for (const std::uint32_t arch : std::vector<std::uint32_t>{AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_I386})
      for (std::uint32_t number = 0; number < 1024; ++number)
        for (const std::uint32_t extra : {0u, kX32Bit, 0x80000000u}) {
          const bool plain = arch != model.audit_arch || extra != 0;
          for (const std::uint64_t value : plain ? std::vector<std::uint64_t>{0, ~0ull} : values) {
            seccomp_data call = call_of(model, number | extra, {value, value, value, value, value, value});
            call.arch = arch;
            if (run.run(call) != evaluate(model, call)) ++wrong;
          }
        }
    CHECK(wrong == 0);
    const Status thorough = check_program_against_model(program, model, ProbeDepth::kThorough);
    CHECK((thorough ? "" : thorough.error().describe()) == "");
  }
}

TEST_CASE("every pair of interesting argument values gets the model's verdict", "[seccomp]") {
  const std::vector<std::uint64_t> values = interesting_values();
  Variant variant;
  variant.process = {.hostname = "", .unix_sockets = UnixSockets::kAllowed, .netlink = NetlinkSockets::kRoute};
  const SeccompModel model = model_of(variant);
  const BpfProgram program = compiled(model);
  const ValidatedProgram run = *ValidatedProgram::make(program);
  std::size_t wrong = 0;
  for (const SyscallRule& rule : model.rules) {
    if (rule.allow_if.empty()) continue;
    for (const std::uint64_t a : values)
      for (const std::uint64_t b : values)
        for (const std::uint64_t c : {0ull, 6ull, 17ull, 04000ull}) {
          for (const auto& arguments :
               {std::vector<std::uint64_t>{a, b, c, b, a, c}, std::vector<std::uint64_t>{c, a, b, c}}) {
            const seccomp_data call = call_of(model, rule.number, arguments);
            if (run.run(call) != evaluate(model, call)) ++wrong;
          }
        }
  }
  CHECK(wrong == 0);
}

TEST_CASE("the probes name the rule of the number", "[seccomp]") {
  const SeccompModel model = model_of({});
  std::size_t wrong = 0;
  std::size_t probes = 0;
  for_each_probe(model, ProbeDepth::kThorough, [&](const seccomp_data& call, const SyscallRule* rule) {
    ++probes;
    if (rule != nullptr &&
        (rule->number != static_cast<std::uint32_t>(call.nr) || evaluate_rule(*rule, call) != evaluate(model, call)))
      ++wrong;
    if (rule == nullptr && evaluate(model, call) == SECCOMP_RET_ALLOW) ++wrong;
    return true;
  });
  CHECK(wrong == 0);
  CHECK(probes > 10000);
}

TEST_CASE("random models compile to what they say", "[seccomp]") {
  RandomModels models(20240607);
  std::size_t longest = 0;
  for (int i = 0; i < 300; ++i) {
    const SeccompModel model = models.next();
    const Result<BpfProgram> program = compile_seccomp_model(model);
    if (!program) {
      CHECK_THAT(program.error().what, Catch::Contains("instructions"));
      continue;
    }
    longest = std::max(longest, program->size());
    const Status status =
        check_program_against_model(*program, model, i % 10 == 0 ? ProbeDepth::kThorough : ProbeDepth::kStart);
    INFO("model " << i);
    REQUIRE((status ? "" : status.error().describe()) == "");
  }
  CHECK(longest > 1000);  // far beyond the reach of 8-bit jumps
}

TEST_CASE("a filter beyond 4096 instructions is an error", "[seccomp]") {
  SeccompModel model;
  model.audit_arch = AUDIT_ARCH_X86_64;
  model.newest_known = 400;
  for (std::uint32_t number = 0; number < 400; ++number) {
    SyscallRule rule{number, "", {}, 1};
    ArgumentTest test{0, UINT32_MAX, {}};
    for (std::uint32_t i = 0; i < 40; ++i) test.values.push_back(number * 1000 + i * 3);
    rule.allow_if = {{test}};
    model.rules.push_back(rule);
  }
  const Result<BpfProgram> program = compile_seccomp_model(model);
  REQUIRE_FALSE(program.has_value());
  CHECK_THAT(program.error().describe(), Catch::Contains("4096"));
}

std::vector<BpfProgram> mutants_of(const BpfProgram& program) {
  std::vector<BpfProgram> mutants;
  const auto add = [&](std::size_t at, auto change) {
    mutants.push_back(program);
    change(mutants.back()[at]);
  };
  for (std::size_t at = 0; at < program.size(); ++at) {
    add(at, [](sock_filter& step) { step.k += 1; });
    add(at, [](sock_filter& step) { step.k -= 1; });
    add(at, [](sock_filter& step) { step.k ^= 4; });
    add(at, [](sock_filter& step) { std::swap(step.jt, step.jf); });
    add(at, [](sock_filter& step) { step.jt = static_cast<std::uint8_t>(step.jt + 1); });
    add(at, [](sock_filter& step) { step.jf = static_cast<std::uint8_t>(step.jf + 1); });
  }
  return mutants;
}

// A mutant that behaves like the original is none; the thorough probes say which those are.
TEST_CASE("the check of every start notices the mutants that the thorough one notices", "[seccomp]") {
  for (const SyscallBase base : {SyscallBase::kStandard, SyscallBase::kStrict}) {
    Variant variant;
    variant.syscalls.base = base;
    variant.process = {.hostname = "", .unix_sockets = UnixSockets::kAllowed, .netlink = NetlinkSockets::kRoute};
    const SeccompModel model = model_of(variant);
    const BpfProgram program = compiled(model);
    std::size_t noticed = 0;
    std::vector<std::string> missed;
    for (const BpfProgram& mutant : mutants_of(program)) {
      const bool passes_start = check_program_against_model(mutant, model, ProbeDepth::kStart).has_value();
      noticed += passes_start ? 0 : 1;
      if (passes_start && !check_program_against_model(mutant, model, ProbeDepth::kThorough).has_value())
        missed.push_back(disassemble(mutant));
    }
    CHECK(noticed > 3 * program.size());
    CHECK(missed.size() == 0);
    if (!missed.empty()) WARN(missed.front());
  }
}

TEST_CASE("calls without argument rules load no argument", "[seccomp]") {
  const SeccompModel model = model_of({});
  const BpfProgram program = compiled(model);
  for (const SyscallRule& rule : model.rules) {
    if (!rule.allow_if.empty()) continue;
    // Follow the program by hand, as the kernel's bitmap builder does: any load but number and architecture spoils it.
    std::uint32_t a = 0;
    for (std::size_t at = 0; BPF_CLASS(program[at].code) != BPF_RET; ++at) {
      const sock_filter& step = program[at];
      if (BPF_CLASS(step.code) == BPF_LD) {
        REQUIRE(step.k <= 4);
        a = step.k == 0 ? rule.number : model.audit_arch;
      } else if (BPF_OP(step.code) == BPF_JA) {
        at += step.k;
      } else {
        const bool holds = BPF_OP(step.code) == BPF_JEQ   ? a == step.k
                           : BPF_OP(step.code) == BPF_JGE ? a >= step.k
                                                          : (a & step.k) != 0;
        at += holds ? step.jt : step.jf;
      }
    }
  }
}

std::string golden_path(const std::string& name) { return std::string(WRIT_SOURCE_DIR "/tests/unit/golden/") + name; }

std::string golden(const std::string& name) {
  std::ifstream file(golden_path(name));
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("the filters of the bases are the reviewed ones", "[seccomp]") {
  for (const SyscallBase base : {SyscallBase::kStandard, SyscallBase::kStrict}) {
    Variant variant;
    variant.syscalls.base = base;
    variant.audit_arch = AUDIT_ARCH_X86_64;
    const std::string name =
        base == SyscallBase::kStandard ? "seccomp_standard_x86_64.txt" : "seccomp_strict_x86_64.txt";
    const std::string text = disassemble(compiled(model_of(variant)));
    if (const char* update = std::getenv("WRIT_UPDATE_GOLDEN"); update != nullptr)
      std::ofstream(golden_path(name)) << text;
    CHECK(text == golden(name));
  }
}

}  // namespace
}  // namespace writ
