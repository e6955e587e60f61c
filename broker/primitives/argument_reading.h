// What is wrong with the arguments of a request, as the answer to it: kInvalidArguments, with the reader's reason for
// the log. Pure; any thread.
#ifndef WRIT_BROKER_PRIMITIVES_ARGUMENT_READING_H_
#define WRIT_BROKER_PRIMITIVES_ARGUMENT_READING_H_

#include <type_traits>
#include <utility>
#include <variant>

#include "broker/base/error.h"
#include "broker/primitives/primitive.h"

namespace writ {

// valid(arguments.text("name"))
template <class T>
[[nodiscard]] Attempt<T> valid(Result<T> read) {
  if (!read) return refuse(PrimitiveCode::kInvalidArguments, std::move(read.error().what));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*read);
  }
}

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_ARGUMENT_READING_H_
