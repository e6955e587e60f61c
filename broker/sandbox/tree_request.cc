#include "broker/sandbox/tree_request.h"

#include <algorithm>

#include "broker/base/escape.h"

namespace writ {

bool names_place(std::string_view path) {
  if (path.size() < 2 || path.size() > kPlacePathLimit || path[0] != '/') return false;
  if (path.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view component = path.substr(begin, end - begin);
    if (component.empty() || component == "." || component == "..") return false;
    begin = end + 1;
  }
  return true;
}

Result<TreeRequest> make_tree_request(InitCommand command, AttachId id, std::string_view path) {
  if (!names_place(path)) return fail(quote_bytes(path) + " is no place in a view");
  TreeRequest request{{command, 0}, id, static_cast<std::uint32_t>(path.size()), {}};
  std::copy(path.begin(), path.end(), request.path.begin());
  return request;
}

bool is_whole(const TreeRequest& request, std::size_t received) {
  if (received < offsetof(TreeRequest, path) || request.path_length > kPlacePathLimit) return false;
  if (received != encoded_size(request) || request.path[request.path_length] != '\0') return false;
  return names_place({request.path.data(), request.path_length});
}

}  // namespace writ
