#include "broker/network/network_denial.h"

#include <algorithm>

namespace writ {

std::string NetworkDenial::describe() const {
  std::string line = "denied: " + std::string(call);
  if (!address.empty()) line.append(" ").append(address);
  if (times > 1) line.append(" (").append(std::to_string(times)).append(" times)");
  return line.append(": ").append(because);
}

void NetworkDenials::add(const NetworkDenial& denial) {
  const auto same = [&](const NetworkDenial& other) {
    return other.call == denial.call && other.address == denial.address && other.because == denial.because;
  };
  if (const auto found = std::find_if(list_.begin(), list_.end(), same); found != list_.end())
    ++found->times;
  else if (list_.size() < kNetworkDenialLimit)
    list_.push_back(denial);
  else
    ++not_listed_;
}

}  // namespace writ
