// The filesystem primitives that only look: read_text, open, stat, read_directory.
//
// Each authorises as text first and looks afterwards. Links are never followed, and what has several hard links is
// refused: its content is reachable under a name that a rule may speak of differently.
#ifndef WRIT_BROKER_PRIMITIVES_FILESYSTEM_READ_H_
#define WRIT_BROKER_PRIMITIVES_FILESYSTEM_READ_H_

#include <cstdint>

#include "broker/base/json_text.h"
#include "broker/primitives/permit.h"
#include "broker/primitives/primitive.h"
#include "broker/primitives/workspace.h"

namespace writ {

inline constexpr std::int64_t kReadTextDefault = 65'536;  // bytes
inline constexpr std::int64_t kReadTextLimit = 1'048'576;
inline constexpr std::int64_t kListingDefault = 1024;  // entries
inline constexpr std::int64_t kListingLimit = 10'000;

struct FilesystemContext {
  PrimitiveAuthority& authority;
  Workspace& workspace;
  int cancel = -1;  // borrowed; ready: the caller is gone, end what takes time
};

// {path, max_bytes?} → {text, size, content_sha256}. kTooLarge: longer than max_bytes, also when it grew meanwhile;
// kWrongKind: no regular file, or not UTF-8.
[[nodiscard]] PrimitiveResult filesystem_read_text(FilesystemContext& context, const JsonObject& arguments);

// {path} → {size, mode, modified_ns} and the file itself, read-only.
[[nodiscard]] PrimitiveResult filesystem_open(FilesystemContext& context, const JsonObject& arguments);

// {path} → {kind, size, mode, modified_ns}; of a link, the link's own.
[[nodiscard]] PrimitiveResult filesystem_stat(FilesystemContext& context, const JsonObject& arguments);

// {path, limit?} → {entries: [{name, kind, size}], complete}, sorted by name.
[[nodiscard]] PrimitiveResult filesystem_read_directory(FilesystemContext& context, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_FILESYSTEM_READ_H_
