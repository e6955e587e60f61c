// The schema of approval files. Internal to approval_file. Pure; any thread. Every error carries file:line:column.
#ifndef WRIT_BROKER_APPROVAL_APPROVAL_ENTRIES_H_
#define WRIT_BROKER_APPROVAL_APPROVAL_ENTRIES_H_

#include <vector>

#include "broker/approval/approval_file.h"
#include "broker/base/error.h"
#include "broker/policy/yaml_document.h"

namespace writ {

[[nodiscard]] Result<std::vector<ApprovalEntry>> read_approval_entries(const YamlDocument& document);

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVAL_ENTRIES_H_
