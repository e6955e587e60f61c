#include "broker/network/network_door.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace writ {

Result<std::unique_ptr<NetworkDoor>> NetworkDoor::open(const Profile& profile, NotificationLoop& loop, TcpFloor floor) {
  std::unique_ptr<NetworkDoor> door(new NetworkDoor(profile));
  NetworkDoor* own = door.get();
  const auto denied = [own](const NetworkDenial& denial) {
    own->denials_.add(denial);
    if (own->on_denied_) own->on_denied_(denial);
  };
  WRIT_ASSIGN(door->calls_, SocketCalls::attach(door->rules_, loop, floor, denied));
  return door;
}

Status check_address_rules(const Profile& profile) {
  if (profile.network == NetworkMode::kNone) return {};
  const auto found = std::find_if(profile.rules.begin(), profile.rules.end(), [](const Rule& rule) {
    return std::holds_alternative<AddressPattern>(rule.resource);
  });
  if (found == profile.rules.end()) return {};
  return fail("the rule '" + found->text() +
                  "' cannot be held with 'network: host': nothing stands between the tool and any address there",
              "set 'network: none'; what the rules allow is reached all the same");
}

}  // namespace writ
