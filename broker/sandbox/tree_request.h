// TreeRequest: the message with which the broker makes init attach a tree to the running view, or take it away again.
// Pure data and its bounds; the same checks on both sides, without allocation.
#ifndef WRIT_BROKER_SANDBOX_TREE_REQUEST_H_
#define WRIT_BROKER_SANDBOX_TREE_REQUEST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "broker/base/error.h"
#include "broker/sandbox/child_plan.h"

namespace writ {

// PATH_MAX counts the NUL.
inline constexpr std::size_t kPlacePathLimit = 4095;

// Behind the head of every message to init. Only the used part of `path` travels, with its NUL.
struct TreeRequest {
  InitRequest head;
  AttachId id;
  std::uint32_t path_length;  // without the NUL
  std::array<char, kPlacePathLimit + 1> path;
};
static_assert(std::is_trivially_copyable_v<TreeRequest>);

// Is `path` the name of a place in a view: absolute, not the root, at most kPlacePathLimit bytes, and normal (no empty
// component, no "." or "..", no NUL)?
[[nodiscard]] bool names_place(std::string_view path);

// Makes the message. Errors: `path` names no place.
[[nodiscard]] Result<TreeRequest> make_tree_request(InitCommand command, AttachId id, std::string_view path);

// How many bytes of `request` travel.
[[nodiscard]] constexpr std::size_t encoded_size(const TreeRequest& request) {
  return offsetof(TreeRequest, path) + request.path_length + 1;
}

// Are the first `received` bytes of `request` one whole message, and does it name a place? Safe for whatever was
// received.
[[nodiscard]] bool is_whole(const TreeRequest& request, std::size_t received);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_TREE_REQUEST_H_
