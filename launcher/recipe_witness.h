// What a recipe of the daemon was made from, as a text that differs when something of it is another one.
#ifndef WRIT_LAUNCHER_RECIPE_WITNESS_H_
#define WRIT_LAUNCHER_RECIPE_WITNESS_H_

#include <string>

#include "launcher/person.h"
#include "launcher/run_options.h"

namespace writ {

// Looks at the profiles of the person and the administrator, the ceiling, the accounts, and what `options` name, as the
// process sees them at this moment. Costs a stat(2) for each file.
[[nodiscard]] std::string witness_recipe_inputs(const RunOptions& options, const Person& person);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RECIPE_WITNESS_H_
