// Copying an object to another file system for the quarantine, bounded, and removing one. Follows no link.
//
// Threads: any. Precondition of both functions: nobody else changes the place meanwhile (the sandbox is dead).
#ifndef WRIT_BROKER_GRANT_QUARANTINE_COPY_H_
#define WRIT_BROKER_GRANT_QUARANTINE_COPY_H_

#include <string>

#include "broker/grant/quarantine.h"

namespace writ {

// One name in a held directory; borrows the descriptor.
struct EntryPlace {
  int parent_fd = -1;
  std::string component;
};

// Copies files (mode 0600), directories (0700) and links. Takes what it used from `budget`. False at the first thing
// that cannot be copied: a device, FIFO or socket, more than the budget, too deep, an I/O error.
[[nodiscard]] bool copy_entry(const EntryPlace& source, const EntryPlace& copy, CopyBudget& budget);

// Removes an entry, a directory with all it contains. False when anything remains.
[[nodiscard]] bool remove_entry(const EntryPlace& place);

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_QUARANTINE_COPY_H_
