// TypedResource: what a capability is about, `kind:body`, or a set of such things:
//
//   filesystem:/srv/data/a       exact
//   filesystem:workspace:src/*   subtree: the directory itself and everything beneath it
//   shell:git:*, filesystem:*    prefix: everything that begins with the text before the star
//
// A wildcard stands only at the end, and only after '/' or ':': `src*` and a bare `*` are refused, so that no name is
// ever granted because it begins like another one. Kinds are a closed list. Values; pure; any thread.
#ifndef WRIT_BROKER_CAPABILITY_TYPED_RESOURCE_H_
#define WRIT_BROKER_CAPABILITY_TYPED_RESOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/error.h"

namespace writ {

enum class ResourceScope : std::uint8_t { kExact, kSubtree, kPrefix };

inline constexpr std::size_t kResourceTextLimit = 4096;

class TypedResource {
 public:
  // Errors: an unknown kind, an empty body, a wildcard elsewhere, control characters or invalid UTF-8, a path that is
  // not normal ("..", ".", "//", a slash at the end), an address that is none, more than kResourceTextLimit bytes.
  // Addresses get one spelling: `network:[::ffff:192.0.2.1]:443` is `network:192.0.2.1:443`.
  [[nodiscard]] static Result<TypedResource> parse(std::string_view text);

  // The same for what a request names: an exact resource.
  [[nodiscard]] static Result<TypedResource> parse_exact(std::string_view text);

  // True when everything that `other` stands for is covered by this.
  [[nodiscard]] bool covers(const TypedResource& other) const;
  // True when there is a resource that both stand for.
  [[nodiscard]] bool overlaps(const TypedResource& other) const;

  [[nodiscard]] ResourceScope scope() const { return scope_; }
  [[nodiscard]] std::string_view kind() const { return std::string_view(stem_).substr(0, kind_length_); }
  [[nodiscard]] std::string text() const;

  [[nodiscard]] friend bool operator==(const TypedResource& a, const TypedResource& b) {
    return a.scope_ == b.scope_ && a.stem_ == b.stem_;
  }

 private:
  TypedResource() = default;
  [[nodiscard]] bool is_beneath(std::string_view stem) const;

  std::string stem_;  // "kind:body" without the wildcard; a prefix ends in its ':'
  ResourceScope scope_ = ResourceScope::kExact;
  std::uint8_t kind_length_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_TYPED_RESOURCE_H_
