// Template areas: the private directories of a sandbox that is made from a template. The template has their places; in
// the sandbox's own mount namespace each is covered by a new, empty file system, and what the template has within it is
// attached again.
//
// For init only: raw system calls on plain data, no allocation.
#ifndef WRIT_BROKER_SANDBOX_TEMPLATE_AREAS_H_
#define WRIT_BROKER_SANDBOX_TEMPLATE_AREAS_H_

#include "broker/sandbox/template_plan.h"

namespace writ {

// Makes the areas of `plan`, which lies at the start of `bytes`. The caller is in the view, and owns its mount
// namespace. Raw; returns 0 or -errno.
[[nodiscard]] long make_template_areas(const TemplatePlan& plan, const char* bytes);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_TEMPLATE_AREAS_H_
