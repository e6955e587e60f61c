// LimitRecord: what became of one limit of a run. Plain data.
#ifndef WRIT_LAUNCHER_LIMIT_RECORD_H_
#define WRIT_LAUNCHER_LIMIT_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace writ {

// What a limit counts: for people.
enum class LimitUnit : std::uint8_t { kBytes, kCount, kMilliseconds, kThousandths };

struct LimitRecord {
  std::string_view name;  // key under `limits:`
  LimitUnit unit = LimitUnit::kBytes;
  std::uint64_t value = 0;
  std::optional<std::uint64_t> peak;  // the most that was seen; absent: nobody counts it
  bool hit = false;
  std::string
      enforced;        // by whom: "control group v1", "sampling", "rlimit", "tmpfs", "writ"; "nothing" where nobody can
  std::string detail;  // what the peak is, what happened; may be empty

  // "memory: the limit of 64M was reached (peak 64M): …; --limit memory=128M allows more"
  [[nodiscard]] std::string describe() const;
};

// "64M", "3", "1500ms", "0.5"
[[nodiscard]] std::string limit_value_text(LimitUnit unit, std::uint64_t value);

}  // namespace writ

#endif  // WRIT_LAUNCHER_LIMIT_RECORD_H_
