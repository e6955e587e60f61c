// The filesystem primitives that change something: write_text, write_directory, delete_file, delete_directory, move.
//
// As with those that look: first the authority, as text, then the look. Nothing is followed. There is no undo: what was
// deleted or replaced is gone.
#ifndef WRIT_BROKER_PRIMITIVES_FILESYSTEM_WRITE_H_
#define WRIT_BROKER_PRIMITIVES_FILESYSTEM_WRITE_H_

#include "broker/primitives/filesystem_read.h"

namespace writ {

// {path, text, overwrite?, expected_content_sha256?} → {size, content_sha256, created}. kExists: overwrite is false;
// kConflict: the content is not the expected one ("missing": nothing is expected there), and stays as it is; kTooLarge:
// a content is expected, and what is there is too large to be compared (replace_file.h).
[[nodiscard]] PrimitiveResult filesystem_write_text(FilesystemContext& context, const JsonObject& arguments);

// {path, parents?, exist_ok?} → {created}. With `parents`, kLimit: it would lie deeper than kWalkDepth (tree_walk.h),
// where nobody could delete it again as a whole.
[[nodiscard]] PrimitiveResult filesystem_write_directory(FilesystemContext& context, const JsonObject& arguments);

// {path, missing_ok?} → {deleted}. kWrongKind: a directory. A link is deleted itself.
[[nodiscard]] PrimitiveResult filesystem_delete_file(FilesystemContext& context, const JsonObject& arguments);

// {path, recursive?, missing_ok?} → {deleted}. kConflict: not empty, and not recursive; what a rule protects below it
// refuses all of it before anything is deleted.
[[nodiscard]] PrimitiveResult filesystem_delete_directory(FilesystemContext& context, const JsonObject& arguments);

// {from, to, overwrite?} → {}. Needs the rights to delete and to read `from`, and to write `to`; for a directory, also
// for everything below it, at its old and at its new place. kConflict: it became something else, or something was put
// into it, since that was decided; then it is where it was (where that name was taken meanwhile, beside it as
// `.writ-set-aside-…`). What `overwrite` replaced by then is gone.
[[nodiscard]] PrimitiveResult filesystem_move(FilesystemContext& context, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_FILESYSTEM_WRITE_H_
