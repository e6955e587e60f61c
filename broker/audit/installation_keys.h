// InstallationKeys: the two secrets of a person's installation of Writ: the key that signs heads of audit logs, and the
// key of the hashes that stand for redacted secrets. Made at the first use, in a directory that no tool sees
// (policy_places.h).
//
// Whoever reads the file can sign heads. It never leaves the host by Writ's doing; only the public key is shown.
#ifndef WRIT_BROKER_AUDIT_INSTALLATION_KEYS_H_
#define WRIT_BROKER_AUDIT_INSTALLATION_KEYS_H_

#include "broker/audit/audit_crypto.h"
#include "broker/audit/held_directory.h"
#include "broker/base/error.h"

namespace writ {

struct InstallationKeys {
  SigningKey signing;
  SecretKey redaction;

  // Reads them from `own` (<state home>/writ), or makes them: of several processes that do so at once, all get the
  // same. Errors: what HeldDirectory says of links, owners and modes; a file that is not one of keys; a full disk.
  [[nodiscard]] static Result<InstallationKeys> open(const HeldDirectory& own);
  // Only reads. Error with system_errno ENOENT where there are none yet.
  [[nodiscard]] static Result<InstallationKeys> read(const HeldDirectory& own);
};

}  // namespace writ

#endif  // WRIT_BROKER_AUDIT_INSTALLATION_KEYS_H_
