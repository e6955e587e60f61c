// What the kernel opens by itself when a program is executed: the interpreter of a script, the loader of an ELF file.
// No system call names them, so they are read from the file's own beginning. One thread at a time.
#ifndef WRIT_BROKER_OBSERVATION_PROGRAM_FILE_H_
#define WRIT_BROKER_OBSERVATION_PROGRAM_FILE_H_

#include <string>
#include <string_view>

namespace writ {

// Returns the path that the regular file behind the borrowed O_PATH descriptor `object` names as its interpreter or
// loader; empty when there is none, or the file cannot be read.
[[nodiscard]] std::string interpreter_of(int object);

// The same for the first bytes of a file. Pure.
[[nodiscard]] std::string interpreter_in(std::string_view beginning);

}  // namespace writ

#endif  // WRIT_BROKER_OBSERVATION_PROGRAM_FILE_H_
