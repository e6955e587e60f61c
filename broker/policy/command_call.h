// The invented system call by which a stand-in asks the broker for the command that it stands for. Shared with the
// stand-in, which has no library: constants and arithmetic only. Pure.
//
//   command_call(argc, argv) → answer
//
// The answer's low 8 bits are the exit status that the stand-in leaves with. Above them: 0, or the number plus one of a
// descriptor that the caller got with the answer, whose text the stand-in copies to standard error first.
#ifndef WRIT_BROKER_POLICY_COMMAND_CALL_H_
#define WRIT_BROKER_POLICY_COMMAND_CALL_H_

#include <cstdint>

namespace writ {

// No kernel has this number: far above every table (the newest number is below 1000), below the x32 bit. Without a
// listener the kernel answers ENOSYS.
inline constexpr std::uint32_t kCommandCall = 0x00575249;

inline constexpr std::int64_t kCommandStatusMask = 0xFF;
inline constexpr std::int64_t kCommandDescriptorStep = 0x100;

[[nodiscard]] constexpr int command_status(std::int64_t answer) {
  return static_cast<int>(answer & kCommandStatusMask);
}
// The descriptor with the text, or -1.
[[nodiscard]] constexpr int command_descriptor(std::int64_t answer) {
  return static_cast<int>(answer / kCommandDescriptorStep) - 1;
}

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_COMMAND_CALL_H_
