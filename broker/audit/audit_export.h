// The first line of an exported stretch of an audit log: what is before the stretch, so that it can be verified without
// the rest. Pure; any thread.
#ifndef WRIT_BROKER_AUDIT_AUDIT_EXPORT_H_
#define WRIT_BROKER_AUDIT_AUDIT_EXPORT_H_

#include <optional>
#include <string>
#include <string_view>

#include "broker/audit/audit_chain.h"

namespace writ {

// {"export":1,"seq":41,"hash":"…"} without a newline.
[[nodiscard]] std::string export_anchor(const ChainState& before);
[[nodiscard]] std::optional<ChainState> read_export_anchor(std::string_view line);

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_AUDIT_EXPORT_H_
