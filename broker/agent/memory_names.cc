#include "broker/agent/memory_names.h"

#include <algorithm>
#include <string>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::size_t kPartLimit = 64;
constexpr std::size_t kPrivateNameLimit = 128;
constexpr std::string_view kObjectPrefix = ":obj_";

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_byte(char c) {
  return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

bool is_plain(std::string_view part, std::size_t limit) {
  return !part.empty() && part.size() <= limit && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), is_name_byte);
}

}  // namespace

bool is_namespace_name(std::string_view name) {
  if (name.size() > kNamespaceNameLimit) return false;
  for (std::size_t depth = 1; depth <= kNamespaceDepthLimit; ++depth) {
    const std::size_t slash = name.find('/');
    if (!is_plain(name.substr(0, slash), kPartLimit)) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
  return false;
}

bool is_private_namespace_name(std::string_view name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view word = name.substr(0, colon);
  return std::all_of(word.begin(), word.end(), is_lower) && is_plain(name.substr(colon + 1), kPrivateNameLimit);
}

std::string_view parent_namespace(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}

bool is_object_name(std::string_view name) {
  if (name.empty() || name.size() > kObjectNameLimit || name.front() == ' ' || name.back() == ' ') return false;
  return escape_bytes(name) == name;
}

bool is_default_object_name(std::string_view name) {
  const std::size_t at = name.find(kObjectPrefix);
  if (at == std::string_view::npos) return false;
  const std::string_view number = name.substr(at + kObjectPrefix.size());
  return std::find(kObjectTypeNames.begin(), kObjectTypeNames.end(), name.substr(0, at)) != kObjectTypeNames.end() &&
         !number.empty() && std::all_of(number.begin(), number.end(), is_digit);
}

Result<TypedResource> namespace_resource(std::string_view name) {
  if (!is_namespace_name(name) && !is_private_namespace_name(name))
    return fail(quote_bytes(name, 80) + " is no name of a namespace", "for example project/research");
  return TypedResource::parse_exact("object_namespace:" + std::string(name));
}

// Such texts are always resources: the kind is one, and the name is a plain word.
TypedResource object_resource(ObjectId id) { return *TypedResource::parse_exact("object:" + id.text()); }

TypedResource absent_object_resource() { return object_resource(ObjectId{0}); }

}  // namespace writ
