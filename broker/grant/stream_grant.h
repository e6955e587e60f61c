// Stream grants: standard streams that a tool gets from the person who started it. A stream is one direction of bytes
// and nothing else; what would be more is refused or replaced.
#ifndef WRIT_BROKER_GRANT_STREAM_GRANT_H_
#define WRIT_BROKER_GRANT_STREAM_GRANT_H_

#include <cstdint>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

enum class StreamKind : std::uint8_t {
  kPlain,         // pipe, connected local socket, device, a file written from its start: passed on as it is
  kUnnamedInput,  // a removed file that could be written: opened again for reading only
  kInputFile,     // a regular file to read: reopened read-only, so that it cannot be changed through the descriptor
  kAppendedLog,   // a regular file opened for appending: written by Writ, or the tool could read and truncate it
};

// Says how the open descriptor `fd` (0, 1 or 2; `fd` 0 is read, the others are written) can be granted. Errors: a
// directory or an O_PATH descriptor (through either the host's whole tree can be walked), and sockets that are not
// connected streams of this host, which could be aimed elsewhere; on standard input a memory file that is not sealed,
// because its tool could shorten it under somebody who has mapped it (SIGBUS).
[[nodiscard]] Result<StreamKind> classify_stream(int fd);

// True for a regular file without a name (a here-document, tempfile.TemporaryFile) that is no memory file. A tool that
// gets it as standard input can name it through /proc/self/fd, on a mount of the host: only Landlock bounds that.
[[nodiscard]] bool is_file_without_name(int fd);

// Opens the regular file behind the borrowed `fd` again through a read-only mount, at the same offset: no change of
// content, mode, times or attributes is possible through the result, nor through /proc/self/fd. Needs mount authority.
// Errors: those of open_tree(2), mount_setattr(2), open(2); ESTALE when the file cannot be found by its name.
[[nodiscard]] Result<UniqueFd> reopen_read_only(int fd);

// Opens the file without a name behind the borrowed `fd` again, for reading only and at the same offset. What could be
// written through its name in /proc stays for Landlock to refuse: the file lies outside of the view.
[[nodiscard]] Result<UniqueFd> reopen_unnamed_read_only(int fd);

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_STREAM_GRANT_H_
