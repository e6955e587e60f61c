// The filters of the shipped bases, as hashes: for these the unit tests of this very build have made the comparison
// with libseccomp (tests/unit/seccomp_oracle_test.cc), so no start has to repeat it. A changed table or compiler makes
// other hashes: then starts compare again by themselves, and the test says what to put here. Pure data.
#ifndef WRIT_BROKER_KERNEL_SECCOMP_CERTIFICATES_H_
#define WRIT_BROKER_KERNEL_SECCOMP_CERTIFICATES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "broker/policy/bpf_program.h"
#include "broker/policy/seccomp_model.h"

namespace writ {

// True when this build's tests compared exactly this pair with libseccomp.
[[nodiscard]] bool is_certified(const SeccompModel& model, const BpfProgram& program);

// The hash that is_certified() looks for.
[[nodiscard]] std::uint64_t certificate_of(const SeccompModel& model, const BpfProgram& program);
[[nodiscard]] std::span<const std::uint64_t> certificates();

// 64 bits that tell contents apart; not a defence against somebody who chooses them.
[[nodiscard]] std::uint64_t content_hash(std::span<const std::byte> bytes);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_SECCOMP_CERTIFICATES_H_
