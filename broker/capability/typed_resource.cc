#include "broker/capability/typed_resource.h"

#include <algorithm>
#include <array>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/policy/ip_address.h"
#include "broker/policy/rule.h"

namespace writ {
namespace {

constexpr auto kKinds = std::to_array<std::string_view>({
    "agentvfs",     "capability",
    "checkpoint",   "clock",
    "context",      "data_flow_sink_registry",
    "data_release", "declassification",
    "filesystem",   "git",
    "git_pr",       "git_remote",
    "human",        "image",
    "jsonrpc",      "jsonrpc_endpoint",
    "mcp",          "mcp_server",
    "mcp_stdio",    "network",
    "object",       "object_namespace",
    "process",      "shell",
    "skill",        "skill_trust",
});
constexpr std::string_view kFilesystem = "filesystem";
constexpr std::string_view kNetwork = "network";
constexpr std::string_view kWorkspace = "workspace:";

tl::unexpected<Error> refuse(std::string_view text, const std::string& why, const std::string& hint = {}) {
  return fail("the resource " + quote_bytes(text, 200) + " " + why, hint);
}

// One byte after the other: what is not ASCII passes here and was checked to be UTF-8.
bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// A path may begin with '/'; its segments are names.
bool has_normal_segments(std::string_view path) {
  if (path == "/") return true;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (true) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (slash == path.size()) return true;
    path.remove_prefix(slash + 1);
  }
}

Status check_filesystem(std::string_view text, std::string_view body, ResourceScope scope) {
  if (body.starts_with(kWorkspace)) {
    body.remove_prefix(kWorkspace.size());
    if (body == "." && scope == ResourceScope::kExact) return {};
    if (body.starts_with('/')) return refuse(text, "has an absolute path in the workspace");
    if (body.empty() && scope == ResourceScope::kPrefix) return {};
  } else if (!body.starts_with('/')) {
    return refuse(text, "is no path", "write filesystem:/absolute/path or filesystem:workspace:relative/path");
  }
  if (scope == ResourceScope::kPrefix)
    return refuse(text, "has a wildcard that no path can end in", "write /* after a directory");
  if (has_normal_segments(body)) return {};
  return refuse(text, "is not a normal path", "leave out empty segments, '.', '..' and a slash at the end");
}

std::string address_text(const IpAddress& address) {
  const auto byte_at = [&](std::size_t i) { return static_cast<unsigned>(address[i]); };
  const bool mapped = masked(address, kMappedPrefixBits) == masked(*parse_ipv4("0.0.0.0"), kMappedPrefixBits);
  std::string text;
  if (mapped) {
    for (std::size_t i = 12; i < address.size(); ++i) text += (i == 12 ? "" : ".") + std::to_string(byte_at(i));
    return text;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = 0; i < address.size(); ++i) {
    if (i != 0 && i % 2 == 0) text += ':';
    text += kDigits[byte_at(i) >> 4];
    text += kDigits[byte_at(i) & 0xF];
  }
  return "[" + text + "]";
}

// Returns the one spelling of "HOST:PORT", or of "HOST:" for a prefix.
Result<std::string> normal_address(std::string_view text, std::string_view body, ResourceScope scope) {
  if (scope == ResourceScope::kSubtree)
    return refuse(text, "is no address", "write network:HOST:PORT or network:HOST:*");
  const bool any_port = scope == ResourceScope::kPrefix;
  const Result<Address> address = Address::parse(std::string(body) + (any_port ? "1" : ""));
  if (!address) return refuse(text, "is no address: " + address.error().what);
  std::string host = address->address ? address_text(*address->address) : address->host;
  return host + ":" + (any_port ? "" : std::to_string(address->port));
}

struct Wildcard {
  std::string_view stem;
  ResourceScope scope;
};

Result<Wildcard> take_wildcard(std::string_view text) {
  Wildcard found{text, ResourceScope::kExact};
  if (text.ends_with("/*")) found = {text.substr(0, text.size() - 2), ResourceScope::kSubtree};
  if (text.ends_with(":*")) found = {text.substr(0, text.size() - 1), ResourceScope::kPrefix};
  if (found.stem.find('*') != std::string_view::npos)
    return refuse(text, "has a '*' where none may stand",
                  "a wildcard is the whole last part: kind:directory/* or kind:*");
  return found;
}

Status check_bytes(std::string_view text) {
  if (text.size() > kResourceTextLimit) return refuse(text, "is too long");
  if (!is_valid_utf8(text)) return refuse(text, "is not UTF-8");
  if (has_control_characters(text)) return refuse(text, "has control characters");
  return {};
}

}  // namespace

Result<TypedResource> TypedResource::parse(std::string_view text) {
  WRIT_TRY(check_bytes(text));
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size())
    return refuse(text, "is not KIND:NAME", "for example filesystem:/srv/data/*");
  const std::string_view kind = text.substr(0, colon);
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end())
    return refuse(text, "is of an unknown kind" + did_you_mean(kind, kKinds));
  WRIT_ASSIGN(const Wildcard wildcard, take_wildcard(text));
  TypedResource resource;
  resource.scope_ = wildcard.scope;
  resource.kind_length_ = static_cast<std::uint8_t>(kind.size());
  resource.stem_ = wildcard.stem;
  std::string_view body = wildcard.stem.substr(colon + 1);
  if (wildcard.scope == ResourceScope::kPrefix && body.empty()) return resource;  // kind:*
  // The root directory is the one whose name ends in a slash: "/*" leaves nothing of it.
  if (kind == kFilesystem && wildcard.scope == ResourceScope::kSubtree && body.empty()) {
    resource.stem_ += '/';
    return resource;
  }
  if (body.empty()) return refuse(text, "has no name");
  if (kind == kNetwork) {
    WRIT_ASSIGN(const std::string address, normal_address(text, body, wildcard.scope));
    resource.stem_ = std::string(kNetwork) + ":" + address;
    return resource;
  }
  if (kind == kFilesystem) WRIT_TRY(check_filesystem(text, body, wildcard.scope));
  if (kind != kFilesystem && !has_normal_segments(body)) return refuse(text, "has an empty segment, '.' or '..'");
  return resource;
}

Result<TypedResource> TypedResource::parse_exact(std::string_view text) {
  WRIT_ASSIGN(TypedResource resource, parse(text));
  if (resource.scope_ != ResourceScope::kExact)
    return refuse(text, "names more than one thing", "name one, without '*'");
  return resource;
}

// Whether everything that begins with this stem lies in the subtree of `directory`, or is it.
bool TypedResource::is_beneath(std::string_view directory) const {
  const std::string_view own = stem_;
  if (!own.starts_with(directory)) return false;
  if (directory.ends_with('/')) return true;
  if (own.size() == directory.size()) return scope_ != ResourceScope::kPrefix;
  return own[directory.size()] == '/';
}

bool TypedResource::covers(const TypedResource& other) const {
  switch (scope_) {
    case ResourceScope::kExact:
      return other.scope_ == ResourceScope::kExact && other.stem_ == stem_;
    case ResourceScope::kSubtree:
      return other.is_beneath(stem_);
    case ResourceScope::kPrefix:
      return std::string_view(other.stem_).starts_with(stem_);
  }
  return false;
}

// Every set is cut at a '/' or a ':', so of two that have something in common one covers the other.
bool TypedResource::overlaps(const TypedResource& other) const { return covers(other) || other.covers(*this); }

std::string TypedResource::text() const {
  switch (scope_) {
    case ResourceScope::kExact:
      return stem_;
    case ResourceScope::kSubtree:
      return stem_ + (stem_.ends_with('/') ? "*" : "/*");
    case ResourceScope::kPrefix:
      return stem_ + "*";
  }
  return stem_;
}

}  // namespace writ
