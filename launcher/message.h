// Messages to the person on standard error, whatever a tool has done to it: the stream is shared, and a tool may have
// made it non-blocking and left it full.
#ifndef WRIT_LAUNCHER_MESSAGE_H_
#define WRIT_LAUNCHER_MESSAGE_H_

#include <string_view>

namespace writ {

// Writes "writ: ", `text` and a newline. Waits a few seconds for a full stream, then gives up. `text` is escaped
// already.
void print_message(std::string_view text);

// Writes all of `bytes` to `fd`, waiting at most `patience_ms` whenever it is full (-1: for ever). False when not all
// could be written.
bool write_patiently(int fd, std::string_view bytes, int patience_ms);

}  // namespace writ

#endif  // WRIT_LAUNCHER_MESSAGE_H_
