#include "broker/sandbox/secret_places.h"

#include <fcntl.h>

#include <algorithm>
#include <string_view>

#include "broker/base/unique_fd.h"

namespace writ {

SecretPlaces::SecretPlaces(const std::string& home) {
  for (const std::string& directory :
       {home, home + "/.config", home + "/.local/share", std::string("/run"), std::string("/var/lib")}) {
    const UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (fd.valid()) places_.push_back({directory + "/", DirectoryListing::read(fd.get())});
  }
}

bool SecretPlaces::may_hold(const std::string& path) const {
  return std::all_of(places_.begin(), places_.end(), [&](const Place& place) {
    if (!path.starts_with(place.prefix)) return true;
    const std::string_view rest = std::string_view(path).substr(place.prefix.size());
    return place.listing.may_hold(rest.substr(0, rest.find('/')));
  });
}

}  // namespace writ
