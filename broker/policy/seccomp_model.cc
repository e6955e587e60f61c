#include "broker/policy/seccomp_model.h"

#include <linux/audit.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <type_traits>

namespace writ {
namespace {

constexpr std::uint16_t kErrnoLimit = 4095;  // MAX_ERRNO: seccomp(2) caps larger ones
constexpr std::uint8_t kArgumentCount = 6;

std::uint32_t errno_verdict(std::uint16_t number) { return SECCOMP_RET_ERRNO | number; }

bool passes(const ArgumentTest& test, const seccomp_data& call) {
  const auto low_half = static_cast<std::uint32_t>(call.args[test.argument]);
  return std::binary_search(test.values.begin(), test.values.end(), low_half & test.mask);
}

bool passes(const ArgumentConjunction& tests, const seccomp_data& call) {
  return std::all_of(tests.begin(), tests.end(), [&](const ArgumentTest& test) { return passes(test, call); });
}

template <class Entry>
auto find_number(const std::vector<Entry>& entries, std::uint32_t number) {
  const auto found = std::lower_bound(entries.begin(), entries.end(), number,
                                      [](const Entry& entry, std::uint32_t n) { return entry.number < n; });
  return found != entries.end() && found->number == number ? &*found : nullptr;
}

template <class Entry>
Status check_order(const std::vector<Entry>& entries, std::string_view list, std::uint32_t newest) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0 && entries[i - 1].number >= entries[i].number)
      return fail("system call model: " + std::string(list) + " are not sorted and unique at number " +
                  std::to_string(entries[i].number));
    if (entries[i].number > newest)
      return fail("system call model: a listed number is newer than the newest known one");
    if (entries[i].denied_errno == 0 || entries[i].denied_errno > kErrnoLimit)
      return fail("system call model: errno " + std::to_string(entries[i].denied_errno) + " is not in 1…4095");
  }
  return {};
}

Status check_test(const ArgumentTest& test) {
  if (test.argument >= kArgumentCount) return fail("system call model: there is no argument beyond 5");
  if (test.values.empty()) return fail("system call model: an argument test without values can never pass");
  for (std::size_t i = 0; i < test.values.size(); ++i) {
    if (i > 0 && test.values[i - 1] >= test.values[i])
      return fail("system call model: the values of an argument test are not sorted and unique");
    if ((test.values[i] & ~test.mask) != 0) return fail("system call model: a value lies outside its mask");
  }
  return {};
}

class ByteWriter {
 public:
  template <class Integer>
  void put(Integer value) {
    static_assert(std::is_unsigned_v<Integer>);
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(value));
    std::memcpy(bytes_.data() + at, &value, sizeof(value));
  }
  void put_count(std::size_t count) { put(static_cast<std::uint32_t>(count)); }
  void reserve(std::size_t size) { bytes_.reserve(size); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

void put_rule(ByteWriter& out, const SyscallRule& rule) {
  out.put(rule.number);
  out.put(rule.denied_errno);
  out.put_count(rule.allow_if.size());
  for (const ArgumentConjunction& tests : rule.allow_if) {
    out.put_count(tests.size());
    for (const ArgumentTest& test : tests) {
      out.put(test.argument);
      out.put(test.mask);
      out.put_count(test.values.size());
      for (const std::uint32_t value : test.values) out.put(value);
    }
  }
}

}  // namespace

bool has_x32(const SeccompModel& model) { return model.audit_arch == AUDIT_ARCH_X86_64; }

std::uint32_t evaluate_rule(const SyscallRule& rule, const seccomp_data& call) {
  if (rule.allow_if.empty()) return SECCOMP_RET_ALLOW;
  for (const ArgumentConjunction& tests : rule.allow_if)
    if (passes(tests, call)) return SECCOMP_RET_ALLOW;
  return errno_verdict(rule.denied_errno);
}

std::uint32_t evaluate_unlisted(const SeccompModel& model, std::uint32_t number) {
  if (const SyscallRefusal* refusal = find_number(model.refusals, number)) return errno_verdict(refusal->denied_errno);
  return errno_verdict(number > model.newest_known ? std::uint16_t{ENOSYS} : model.unlisted_errno);
}

std::uint32_t evaluate(const SeccompModel& model, const seccomp_data& call) {
  if (call.arch != model.audit_arch) return SECCOMP_RET_KILL_PROCESS;
  const auto number = static_cast<std::uint32_t>(call.nr);
  if (has_x32(model) && (number & kX32Bit) != 0) return SECCOMP_RET_KILL_PROCESS;
  if (const SyscallRule* rule = find_number(model.rules, number)) return evaluate_rule(*rule, call);
  return evaluate_unlisted(model, number);
}

Status validate_model(const SeccompModel& model) {
  if (model.newest_known >= kX32Bit) return fail("system call model: the newest known number reaches the x32 bit");
  WRIT_TRY(check_order(model.rules, "rules", model.newest_known));
  WRIT_TRY(check_order(model.refusals, "refusals", model.newest_known));
  if (model.unlisted_errno == 0 || model.unlisted_errno > kErrnoLimit)
    return fail("system call model: the errno of unlisted calls is not in 1…4095");
  for (const SyscallRefusal& refusal : model.refusals)
    if (find_number(model.rules, refusal.number) != nullptr)
      return fail("system call model: number " + std::to_string(refusal.number) + " is both allowed and refused");
  for (const SyscallRule& rule : model.rules)
    for (const ArgumentConjunction& tests : rule.allow_if)
      for (const ArgumentTest& test : tests) WRIT_TRY(check_test(test));
  return {};
}

std::vector<std::byte> model_bytes(const SeccompModel& model) {
  ByteWriter out;
  out.reserve(16 * 1024);
  out.put(model.audit_arch);
  out.put(model.newest_known);
  out.put(model.unlisted_errno);
  out.put_count(model.rules.size());
  for (const SyscallRule& rule : model.rules) put_rule(out, rule);
  out.put_count(model.refusals.size());
  for (const SyscallRefusal& refusal : model.refusals) {
    out.put(refusal.number);
    out.put(refusal.denied_errno);
  }
  return out.take();
}

}  // namespace writ
