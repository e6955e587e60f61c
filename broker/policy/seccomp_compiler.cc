#include "broker/policy/seccomp_compiler.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>

#include "broker/policy/bpf_assembler.h"

namespace writ {
namespace {

using Label = BackwardAssembler::Label;

constexpr std::uint32_t errno_verdict(std::uint16_t number) { return SECCOMP_RET_ERRNO | number; }

// Where a search ends: a verdict at once, or the argument block of a rule.
struct Outcome {
  enum class Kind : std::uint8_t { kReturn, kBlock };
  Kind kind = Kind::kReturn;
  std::uint32_t value = 0;  // SECCOMP_RET_*, or the index of the block

  bool operator==(const Outcome&) const = default;
};

// The keys from `first` up to the next run share one outcome.
struct Run {
  std::uint32_t first = 0;
  Outcome outcome;
};
using Runs = std::vector<Run>;

void add_run(Runs& runs, std::uint32_t first, Outcome outcome) {
  if (!runs.empty() && runs.back().first == first) runs.pop_back();
  if (runs.empty() || runs.back().outcome != outcome) runs.push_back({first, outcome});
}

// A stretch of runs with one outcome and a few single keys that differ: each of those costs one comparison, not two.
struct Segment {
  std::size_t begin = 0;  // in runs
  std::size_t end = 0;
};
constexpr std::size_t kExceptionLimit = 2;

bool is_exception(const Runs& runs, std::size_t i) {
  return i + 1 < runs.size() && i > 0 && runs[i + 1].first - runs[i].first == 1 &&
         runs[i + 1].outcome == runs[i - 1].outcome;
}

std::vector<Segment> segments_of(const Runs& runs) {
  std::vector<Segment> segments;
  segments.reserve(runs.size());
  for (std::size_t begin = 0; begin < runs.size();) {
    std::size_t end = begin + 1;
    for (std::size_t used = 0; used < kExceptionLimit && is_exception(runs, end); ++used) end += 2;
    segments.push_back({begin, end});
    begin = end;
  }
  return segments;
}

// Writes a binary search over `runs` for the value in A. `resolve` turns an Outcome into a Label.
template <class Resolve>
class SearchWriter {
 public:
  SearchWriter(BackwardAssembler& out, const Runs& runs, Resolve resolve)
      : out_(out), runs_(runs), segments_(segments_of(runs)), resolve_(resolve) {}

  Label write() { return write(segments_); }

 private:
  Label write(std::span<const Segment> segments) {
    if (segments.size() == 1) return write_segment(segments.front());
    const std::size_t middle = segments.size() / 2;
    const Label above = write(segments.subspan(middle));
    const Label below = write(segments.first(middle));
    return out_.jump_if(BPF_JGE, runs_[segments[middle].begin].first, above, below);
  }

  Label write_segment(const Segment& segment) {
    Label next = resolve_(runs_[segment.begin].outcome);
    for (std::size_t i = segment.begin + 1; i < segment.end; i += 2)
      next = out_.jump_if(BPF_JEQ, runs_[i].first, resolve_(runs_[i].outcome), next);
    return next;
  }

  BackwardAssembler& out_;
  const Runs& runs_;
  std::vector<Segment> segments_;
  Resolve resolve_;
};

template <class Resolve>
Label write_search(BackwardAssembler& out, const Runs& runs, Resolve resolve) {
  return SearchWriter<Resolve>(out, runs, resolve).write();
}

constexpr std::uint32_t low_half_of_argument(std::uint8_t argument) {
  // Both supported architectures are little-endian: the low half comes first.
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
}

constexpr Outcome kPass{Outcome::Kind::kReturn, 1};
constexpr Outcome kFail{Outcome::Kind::kReturn, 0};

Label write_comparison(BackwardAssembler& out, const ArgumentTest& test, Label pass, Label fail) {
  if (test.values.size() == 1) return out.jump_if(BPF_JEQ, test.values.front(), pass, fail);
  Runs runs{{0, kFail}};
  for (const std::uint32_t value : test.values) {
    add_run(runs, value, kPass);
    if (value != UINT32_MAX) add_run(runs, value + 1, kFail);
  }
  return write_search(out, runs, [&](const Outcome& outcome) { return outcome == kPass ? pass : fail; });
}

Label write_test(BackwardAssembler& out, const ArgumentTest& test, Label pass, Label fail) {
  const bool whole = test.mask == UINT32_MAX;
  const bool wants_clear_bits = !whole && test.values.size() == 1 && test.values.front() == 0;
  if (wants_clear_bits)
    return out.load(low_half_of_argument(test.argument), out.jump_if(BPF_JSET, test.mask, fail, pass));
  Label next = write_comparison(out, test, pass, fail);
  if (!whole) next = out.mask(test.mask, next);
  return out.load(low_half_of_argument(test.argument), next);
}

// A conjunction is tried after the ones before it failed; the last failure is the rule's errno.
Label write_block(BackwardAssembler& out, const SyscallRule& rule) {
  Label fail = out.return_value(errno_verdict(rule.denied_errno));
  for (auto tests = rule.allow_if.rbegin(); tests != rule.allow_if.rend(); ++tests) {
    Label pass = out.return_value(SECCOMP_RET_ALLOW);
    for (auto test = tests->rbegin(); test != tests->rend(); ++test) pass = write_test(out, *test, pass, fail);
    fail = pass;
  }
  return fail;
}

// One block for all rules that say the same.
class Blocks {
 public:
  std::uint32_t index_of(const SyscallRule& rule) {
    for (std::size_t i = 0; i < rules_.size(); ++i)
      if (rules_[i]->denied_errno == rule.denied_errno && rules_[i]->allow_if == rule.allow_if)
        return static_cast<std::uint32_t>(i);
    rules_.push_back(&rule);
    return static_cast<std::uint32_t>(rules_.size() - 1);
  }

  void write(BackwardAssembler& out) {
    for (const SyscallRule* rule : rules_) labels_.push_back(write_block(out, *rule));
  }

  [[nodiscard]] Label label(std::uint32_t index) const { return labels_[index]; }

 private:
  std::vector<const SyscallRule*> rules_;
  std::vector<Label> labels_;
};

struct ListedNumber {
  std::uint32_t number = 0;
  Outcome outcome;
};

std::vector<ListedNumber> listed_numbers(const SeccompModel& model, Blocks& blocks) {
  std::vector<ListedNumber> listed;
  listed.reserve(model.rules.size() + model.refusals.size());
  for (const SyscallRule& rule : model.rules) {
    const Outcome allow{Outcome::Kind::kReturn, SECCOMP_RET_ALLOW};
    listed.push_back(
        {rule.number, rule.allow_if.empty() ? allow : Outcome{Outcome::Kind::kBlock, blocks.index_of(rule)}});
  }
  const auto rules_end = static_cast<std::ptrdiff_t>(listed.size());
  for (const SyscallRefusal& refusal : model.refusals)
    listed.push_back({refusal.number, {Outcome::Kind::kReturn, errno_verdict(refusal.denied_errno)}});
  std::inplace_merge(listed.begin(), listed.begin() + rules_end, listed.end(),
                     [](const ListedNumber& a, const ListedNumber& b) { return a.number < b.number; });
  return listed;
}

Runs runs_of(const SeccompModel& model, Blocks& blocks) {
  const Outcome unlisted{Outcome::Kind::kReturn, errno_verdict(model.unlisted_errno)};
  const std::vector<ListedNumber> listed = listed_numbers(model, blocks);
  Runs runs;
  runs.reserve(2 * listed.size() + 2);
  add_run(runs, 0, unlisted);
  for (const ListedNumber& entry : listed) {
    add_run(runs, entry.number, entry.outcome);
    add_run(runs, entry.number + 1, unlisted);
  }
  add_run(runs, model.newest_known + 1, {Outcome::Kind::kReturn, errno_verdict(ENOSYS)});
  return runs;
}

Label write_prologue(BackwardAssembler& out, const SeccompModel& model, Label search) {
  const Label kill = out.return_value(SECCOMP_RET_KILL_PROCESS);
  if (has_x32(model)) search = out.jump_if(BPF_JSET, kX32Bit, kill, search);
  search = out.load(offsetof(seccomp_data, nr), search);
  search = out.jump_if(BPF_JEQ, model.audit_arch, search, out.return_value(SECCOMP_RET_KILL_PROCESS));
  return out.load(offsetof(seccomp_data, arch), search);
}

}  // namespace

Result<BpfProgram> compile_seccomp_model(const SeccompModel& model) {
  WRIT_TRY(validate_model(model));
  BackwardAssembler out;
  Blocks blocks;
  const Runs runs = runs_of(model, blocks);
  blocks.write(out);
  const Label search = write_search(out, runs, [&](const Outcome& outcome) {
    return outcome.kind == Outcome::Kind::kBlock ? blocks.label(outcome.value) : out.return_value(outcome.value);
  });
  BpfProgram program = out.finish(write_prologue(out, model, search));
  if (program.size() > kBpfInstructionLimit)
    return fail("the system call filter needs " + std::to_string(program.size()) + " instructions; the kernel takes " +
                    std::to_string(kBpfInstructionLimit),
                "shorten the lists of system calls in the profile");
  return program;
}

}  // namespace writ
