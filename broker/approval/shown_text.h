// Bytes of a tool → text for a screen, such that nothing in them can look like anything but themselves: one quoted
// text, of bounded width, whose quotation marks cannot be closed from inside. Pure; any thread.
#ifndef WRIT_BROKER_APPROVAL_SHOWN_TEXT_H_
#define WRIT_BROKER_APPROVAL_SHOWN_TEXT_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace writ {

// Columns that escaped text takes on a screen, at most: what is not ASCII counts as two each.
[[nodiscard]] std::size_t columns_of(std::string_view escaped);

// `bytes` in single quotes, escaped as escape_bytes() does; a single quote becomes \x27. What needs more than `budget`
// columns is shown as its beginning and its end:  '/a/b' … 1000000 bytes left out … 'y/z'
[[nodiscard]] std::string shown_bytes(std::string_view bytes, std::size_t budget);

// The same with every byte beyond ASCII as \xNN: tells look-alike letters apart. Empty when there is none.
[[nodiscard]] std::string shown_ascii(std::string_view bytes, std::size_t budget);

// A command line: plain words as they are, all others as shown_bytes(). Words that do not fit are counted, and the last
// ones are always shown:  rm -r '/a b' … 1000 more words … /z
[[nodiscard]] std::string shown_command(std::span<const std::string> argv, std::size_t budget);

// Adds "  label  text" to `screen`, broken into lines of at most `width` columns. Every continuation begins with a bar,
// so that no part of a text stands where a label would.
void add_labelled(std::string& screen, std::string_view label, std::string_view text, std::size_t width);

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_SHOWN_TEXT_H_
