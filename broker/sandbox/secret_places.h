// SecretPlaces: most secrets exist on no host. The directories where they gather are listed once instead of looking for
// each. Owns its listings; one thread at a time.
#ifndef WRIT_BROKER_SANDBOX_SECRET_PLACES_H_
#define WRIT_BROKER_SANDBOX_SECRET_PLACES_H_

#include <string>
#include <vector>

#include "broker/grant/directory_listing.h"

namespace writ {

class SecretPlaces {
 public:
  // Lists the home directory and the other places; what cannot be listed may hold anything.
  explicit SecretPlaces(const std::string& home);

  // False only when `path` (absolute, normal) certainly does not exist.
  [[nodiscard]] bool may_hold(const std::string& path) const;

 private:
  struct Place {
    std::string prefix;
    DirectoryListing listing;
  };
  std::vector<Place> places_;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SECRET_PLACES_H_
