// A socket address as bytes → the words of a report. Pure; any thread.
#ifndef WRIT_BROKER_OBSERVATION_ADDRESS_TEXT_H_
#define WRIT_BROKER_OBSERVATION_ADDRESS_TEXT_H_

#include <cstddef>
#include <span>
#include <string>

namespace writ {

struct AddressText {
  std::string text;  // "192.0.2.1:443", "[::1]:80", "unix:/run/x" (any bytes); empty: of no interest
  bool is_ip = false;
};

// `bytes` is what the tool passed as sockaddr, at most sizeof(sockaddr_storage) bytes.
[[nodiscard]] AddressText address_text(std::span<const std::byte> bytes);

}  // namespace writ

#endif  // WRIT_BROKER_OBSERVATION_ADDRESS_TEXT_H_
