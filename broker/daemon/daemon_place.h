// Where the daemon of a person listens, and how its socket is made and found. The socket is the authority over every
// sandbox of that person: it lies in a directory that nobody else can enter, and both ends look at who the other is.
#ifndef WRIT_BROKER_DAEMON_DAEMON_PLACE_H_
#define WRIT_BROKER_DAEMON_DAEMON_PLACE_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// $XDG_RUNTIME_DIR/writ/broker.socket where that is set; else /run/writ/broker.socket for root, and
// STATE_HOME/writ/run/broker.socket for everybody else.
[[nodiscard]] std::string daemon_socket_path(uid_t uid, const char* runtime_directory, const std::string& state_home);

// Who is at the other end of a connection (unix(7), SO_PEERCRED: as it was when it connected).
struct PeerIdentity {
  pid_t pid = 0;
  uid_t uid = 0;
};
[[nodiscard]] Result<PeerIdentity> peer_identity(int connection);

// A listening socket. Owns the file as well: it is removed when this ends, but for one that came by activation.
class DaemonSocket {
 public:
  // Listens at `path` with mode 0600, in a directory that is made with 0700. One daemon for each path: a lock beside
  // the socket is held as long as this lives, and a socket that a dead daemon left is replaced. Errors: another daemon
  // listens there; the directory belongs to somebody else or is open to others; the path is too long for a socket.
  [[nodiscard]] static Result<DaemonSocket> listen_at(const std::string& path);

  // The socket that a service manager made (sd_listen_fds(3)), where LISTEN_PID and LISTEN_FDS say that there is one.
  // Nothing: there is none. Errors: more than one; not a listening SOCK_SEQPACKET socket.
  [[nodiscard]] static Result<std::optional<DaemonSocket>> inherited();

  DaemonSocket(DaemonSocket&& other) noexcept = default;
  DaemonSocket& operator=(DaemonSocket&&) = delete;
  ~DaemonSocket();

  // Takes one connection; an invalid descriptor: none waits. Errors: the kernel's (EMFILE: try again when something
  // was closed).
  [[nodiscard]] Result<UniqueFd> accept() const;

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  DaemonSocket(UniqueFd socket, UniqueFd lock, std::string path)
      : socket_(std::move(socket)), lock_(std::move(lock)), path_(std::move(path)) {}

  UniqueFd socket_;
  UniqueFd lock_;     // invalid: the socket is not ours to remove
  std::string path_;  // empty with it
};

// Connects to the daemon at `path`. Errors: nobody listens there (ENOENT, ECONNREFUSED); who listens is somebody else
// than `uid` (a stranger must not get our streams).
[[nodiscard]] Result<UniqueFd> connect_to_daemon(const std::string& path, uid_t uid);

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_DAEMON_PLACE_H_
