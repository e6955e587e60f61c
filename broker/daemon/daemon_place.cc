#include "broker/daemon/daemon_place.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr int kBacklog = 1024;
constexpr int kFirstInherited = 3;  // sd_listen_fds(3)

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail("the path of the broker's socket is too long: " + quote_bytes(path),
                "name a shorter one with --socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

// Parents are made with 0700 as well; the last one is what counts.
Status make_own_directory(const std::string& directory) {
  for (std::size_t slash = directory.find('/', 1); slash != std::string::npos; slash = directory.find('/', slash + 1))
    (void)::mkdir(directory.substr(0, slash).c_str(), 0700);
  (void)::mkdir(directory.c_str(), 0700);
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0)
    return fail_errno(errno, "cannot make the directory of the broker's socket " + quote_bytes(directory));
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return fail("the directory of the broker's socket " + quote_bytes(directory) + " is open to others",
                "it must be a directory of your own with mode 0700");
  return {};
}

Result<UniqueFd> take_lock(const std::string& path) {
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.valid()) return fail_errno(errno, "cannot open " + quote_bytes(path));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return fail("a broker is running already", "`writ ps` shows what it runs");
  return fail_errno(errno, "cannot lock " + quote_bytes(path));
}

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

std::string daemon_socket_path(uid_t uid, const char* runtime_directory, const std::string& state_home) {
  constexpr const char* kName = "/writ/broker.socket";
  if (runtime_directory != nullptr && runtime_directory[0] == '/') return std::string(runtime_directory) + kName;
  return uid == 0 ? std::string("/run").append(kName) : state_home + "/writ/run/broker.socket";
}

Result<PeerIdentity> peer_identity(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return fail_errno(errno, "cannot see who is at the other end of a connection");
  return PeerIdentity{peer.pid, peer.uid};
}

Result<DaemonSocket> DaemonSocket::listen_at(const std::string& path) {
  if (path.empty() || path.front() != '/') return fail("the path of the broker's socket must be absolute");
  WRIT_ASSIGN(const sockaddr_un address, address_of(path));
  WRIT_TRY(make_own_directory(directory_of(path)));
  WRIT_ASSIGN(UniqueFd lock, take_lock(path + ".lock"));
  // Whoever left a socket here is dead: we hold its lock.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "cannot replace " + quote_bytes(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return fail_errno(errno, "cannot make the broker's socket");
  // The mode that a socket's file gets is the one of its descriptor under the umask: nobody else from the beginning.
  (void)::fchmod(socket.get(), 0600);
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int problem = errno;
  (void)::umask(mask);
  if (bound != 0) return fail_errno(problem, "cannot make " + quote_bytes(path));
  if (::listen(socket.get(), kBacklog) != 0) return fail_errno(errno, "cannot listen at " + quote_bytes(path));
  return DaemonSocket(std::move(socket), std::move(lock), path);
}

Result<std::optional<DaemonSocket>> DaemonSocket::inherited() {
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::to_string(::getpid()) != pid) return std::nullopt;
  if (std::strcmp(count, "1") != 0) return fail("the service manager passed more than one socket");
  UniqueFd socket(kFirstInherited);
  int type = 0;
  int listening = 0;
  socklen_t size = sizeof type;
  const bool known = ::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
                     ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0;
  if (!known || type != SOCK_SEQPACKET || listening == 0)
    return fail("what the service manager passed is no listening socket of the kind SOCK_SEQPACKET",
                "the unit needs ListenSequentialPacket=");
  (void)::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
  (void)::fcntl(socket.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  return DaemonSocket(std::move(socket), UniqueFd(), "");
}

DaemonSocket::~DaemonSocket() {
  if (lock_.valid()) (void)::unlink(path_.c_str());
}

Result<UniqueFd> DaemonSocket::accept() const {
  UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (connection.valid()) return connection;
  // What a peer did to its connection meanwhile is nobody else's problem (accept(2)).
  if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return UniqueFd();
  return fail_errno(errno, "cannot take a connection");
}

Result<UniqueFd> connect_to_daemon(const std::string& path, uid_t uid) {
  WRIT_ASSIGN(const sockaddr_un address, address_of(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, "cannot make a socket");
  int connected = -1;
  do {
    connected = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (connected != 0 && errno == EINTR);
  if (connected != 0 && (errno == ENOENT || errno == ECONNREFUSED))
    return fail_errno(errno, "no broker runs at " + quote_bytes(path), "start one: writ broker &");
  if (connected != 0) return fail_errno(errno, "cannot reach the broker at " + quote_bytes(path));
  WRIT_ASSIGN(const PeerIdentity peer, peer_identity(socket.get()));
  if (peer.uid != uid) return fail("the broker at " + quote_bytes(path) + " is somebody else's");
  return socket;
}

}  // namespace writ
