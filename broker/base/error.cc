#include "broker/base/error.h"

#include <cstring>

namespace writ {

std::string Error::describe() const {
  std::string text = what;
  if (system_errno != 0) text.append(": ").append(std::strerror(system_errno));
  if (!hint.empty()) text.append(" (hint: ").append(hint).append(")");
  return text;
}

}  // namespace writ
