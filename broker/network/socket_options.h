// The options of a socket that somebody has set, carried over to another one. Any thread.
#ifndef WRIT_BROKER_NETWORK_SOCKET_OPTIONS_H_
#define WRIT_BROKER_NETWORK_SOCKET_OPTIONS_H_

namespace writ {

// Gives the borrowed TCP socket `to`, new and of the same domain, every listed option in which the borrowed `from`
// differs from it. An option that cannot be read or set is left as it is: none of them gives authority, and the tool
// can read them back.
void copy_socket_options(int from, int to);

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_SOCKET_OPTIONS_H_
