#include "broker/network/socket_calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "broker/kernel/process_descriptor.h"
#include "broker/kernel/process_memory.h"
#include "broker/mediation/caller_record.h"
#include "broker/network/network_traps.h"
#include "broker/network/socket_options.h"

namespace writ {
namespace {

Answer errno_answer(int error) { return error == 0 ? Answer(AnswerValue{0}) : Answer(AnswerErrno{error}); }

// The result of a call that the broker made for the caller.
Answer done(int result) { return errno_answer(result == 0 ? 0 : errno); }

const sockaddr* as_kernel_has_it(const sockaddr_storage& bytes) { return reinterpret_cast<const sockaddr*>(&bytes); }

int try_connect(int socket, const sockaddr_storage& bytes, socklen_t length) {
  return ::connect(socket, as_kernel_has_it(bytes), length) == 0 ? 0 : errno;
}

bool is_under_way(int error) { return error == EINPROGRESS || error == EALREADY; }

void set_blocking_as(const CallerSocket& caller, int socket) {
  const int flags = ::fcntl(socket, F_GETFL);
  (void)::fcntl(socket, F_SETFL, caller.non_blocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

// A socket that has a peer, waits for one or listens: then the kernel has its own answer to another connect.
bool is_idle(int socket) {
  tcp_info info{};
  socklen_t length = sizeof info;
  return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state == TCP_CLOSE;
}

std::optional<std::chrono::steady_clock::time_point> send_deadline(int socket) {
  timeval limit{};
  socklen_t length = sizeof limit;
  if (::getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, &length) != 0) return std::nullopt;
  const auto time = std::chrono::seconds(limit.tv_sec) + std::chrono::microseconds(limit.tv_usec);
  if (time.count() == 0) return std::nullopt;
  return std::chrono::steady_clock::now() + time;
}

// A socket on the host, with the caller's options, that waits for nothing.
PromptSocket make_host_socket(const CallerSocket& caller) {
  PromptSocket made(UniqueFd(::socket(caller.domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP)));
  if (made.valid()) copy_socket_options(caller.descriptor.get(), made.get());
  return made;
}

// An address to which the socket could connect: TCP of IPv6 takes those of IPv6 only, and the reverse.
bool fits(const CallerSocket& caller, const SocketAddress& address) {
  return caller.is_tcp() && address.kind == AddressKind::kInternet && caller.domain == address.family;
}

std::string text_of(const SocketAddress& address) {
  return address.kind == AddressKind::kInternet ? address_text(address.address, address.port) : std::string();
}

// Of one run. The kernel does not tell when such a socket ends, so they are never forgotten.
constexpr std::size_t kBoundLimit = 10'000;
// Of what was allowed for the run; what is beyond this is asked about again.
constexpr std::size_t kAllowedLimit = 1000;

constexpr std::string_view kConnect = "connect";

constexpr std::string_view kNotRecorded = "it could not be recorded";
constexpr std::string_view kNotElsewhere = "a granted connection cannot be aimed elsewhere";

constexpr AnswerContinue kLetPass{
    "unix sockets are bounded by the view and by Landlock, and so is what the call could turn into: TCP is refused to "
    "the tool itself, and no other socket of the host is ever in its hands"};

}  // namespace

struct SocketCalls::Call final : CallCopy {
  Answer (SocketCalls::*act)(std::uint64_t, OwnedCall&) = nullptr;
  std::string_view name;
  CallerSocket socket;
  SocketAddress address;  // of connect and bind
  int backlog = 0;        // of listen
  bool approved = false;  // somebody was asked about it and said yes
};

Result<std::unique_ptr<SocketCalls>> SocketCalls::attach(const AddressRules& rules, NotificationLoop& loop,
                                                         TcpFloor floor, DenialSink on_denied) {
  const UniqueFd ours(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!ours.valid()) return fail_errno(errno, "cannot make a socket for the rules about addresses");
  const auto host = network_cookie(ours.get());
  if (!host)
    return fail_errno(host.error(), "cannot tell the sandbox's sockets from the host's",
                      "rules about addresses need Linux 5.14");
  PromptSocket::take_over_alarm();
  WRIT_ASSIGN(WaitingConnects waiting, WaitingConnects::make());
  std::unique_ptr<SocketCalls> made(
      new SocketCalls(rules, loop, floor, std::move(on_denied), *host, std::move(waiting)));
  for (const TrappedCall& trap : network_traps()) loop.add_handler(trap.number, *made);
  return made;
}

SocketCalls::SocketCalls(const AddressRules& rules, NotificationLoop& loop, TcpFloor floor, DenialSink on_denied,
                         std::uint64_t host, WaitingConnects waiting)
    : rules_(rules),
      loop_(loop),
      floor_(floor),
      on_denied_(std::move(on_denied)),
      host_(host),
      waiting_(std::move(waiting)) {}

SocketCalls::~SocketCalls() = default;

std::variant<std::unique_ptr<CallCopy>, Answer> SocketCalls::read(const Notification& call) {
  const auto number = static_cast<std::uint32_t>(call.call.nr);
  if (const int error = constant_refusal(number); error != 0) return Answer(AnswerErrno{error});
  auto copy = std::make_unique<Call>();
  auto socket = take_caller_socket(call.thread, static_cast<int>(call.call.args[0]), host_);
  if (!socket) return Answer(AnswerErrno{socket.error()});
  copy->socket = std::move(*socket);
  if (number == SYS_listen) {
    copy->act = &SocketCalls::listen;
    copy->name = "listen";
    copy->backlog = static_cast<int>(call.call.args[1]);
    return copy;
  }
  copy->act = number == SYS_connect ? &SocketCalls::connect : &SocketCalls::bind;
  copy->name = number == SYS_connect ? kConnect : "bind";
  const auto length = static_cast<int>(call.call.args[2]);
  if (length < 0 || static_cast<std::size_t>(length) > kLongestSocketAddress) return Answer(AnswerErrno{EINVAL});
  std::array<std::byte, kLongestSocketAddress> bytes;
  const auto wanted = std::span(bytes).first(static_cast<std::size_t>(length));
  if (auto read = read_memory(call.thread, call.call.args[1], wanted); !read)
    return Answer(AnswerErrno{errno_of(read.error())});
  copy->address = parse_socket_address(wanted);
  return copy;
}

Answer SocketCalls::decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) {
  OwnedCall call(static_cast<Call*>(copy.release()));
  const auto act = call->act;
  return (this->*act)(id, call);
}

Answer SocketCalls::deny(const Call& call, std::string because) const {
  if (on_denied_) on_denied_({call.socket.thread, call.name, text_of(call.address), std::move(because)});
  return AnswerErrno{EACCES};
}

bool SocketCalls::note_grant(const Call& call, const std::string& because) const {
  return !on_granted_ || on_granted_({call.socket.thread, call.name, text_of(call.address), because});
}

// Only where the profile lets such sockets be made at all (process.unix_sockets, process.netlink).
Answer SocketCalls::other_family(const Call& call) const {
  if (floor_ == TcpFloor::kLandlock) return kLetPass;
  return deny(call,
              "without Landlock's floor under TCP only internet sockets can be used beside rules about addresses");
}

SocketCalls::Destination SocketCalls::destination_of(const Call& call) {
  const Right right = call.name == kConnect ? Right::kConnect : Right::kBind;
  return {right, call.address.address, call.address.port, call.address.scope};
}

bool SocketCalls::is_approved(const Call& call) const {
  const Destination destination = destination_of(call);
  if (call.approved || allowed_.contains(destination)) return true;
  const auto known = connected_.find(socket_cookie(call.socket.descriptor.get()));
  return known != connected_.end() && known->second == destination;
}

Answer SocketCalls::ask(std::uint64_t id, OwnedCall& call, AddressDecision decision) {
  if (questioner_ == nullptr) return deny(*call, decision.because + "; nobody is there to ask");
  const CallerRecord caller(call->socket.thread);
  QuestionDraft draft;
  draft.object = Address{{}, call->address.address, call->address.port};
  draft.rights = Rights{destination_of(*call).right};
  draft.rule = std::move(decision.rule);
  draft.asker = {call->socket.thread, caller.program(), caller.arguments()};
  // What was read about the caller is about it only if it still waits.
  if (!loop_.caller_waits(id)) return AnswerErrno{EPERM};
  asked_[id] = {std::move(call), std::move(decision.because)};
  questioner_->ask(id, std::move(draft), *this);
  return AnswerLater{};
}

void SocketCalls::take_answer(std::uint64_t id, Approval approval, const std::string& reason) {
  auto asked = asked_.extract(id);
  // Whoever is gone gets nothing done on the host.
  if (asked.empty() || !loop_.caller_waits(id)) return;
  OwnedCall call = std::move(asked.mapped().call);
  if (approval == Approval::kDenied)
    return loop_.answer_later(id, deny(*call, asked.mapped().because + "; the answer was no (" + reason + ")"));
  call->approved = true;
  if (approval == Approval::kRun && allowed_.size() < kAllowedLimit) allowed_.insert(destination_of(*call));
  const auto act = call->act;
  Answer answer = (this->*act)(id, call);
  if (!std::holds_alternative<AnswerLater>(answer)) loop_.answer_later(id, std::move(answer));
}

void SocketCalls::note_approved_connection(const Call& call, int socket) {
  if (call.approved && connected_.size() < kBoundLimit) connected_[socket_cookie(socket)] = destination_of(call);
}

Answer SocketCalls::connect(std::uint64_t id, OwnedCall& owned) {
  Call& call = *owned;
  const CallerSocket& socket = call.socket;
  if (!socket.is_internet()) return other_family(call);
  const bool on_host = socket.network == SocketNetwork::kHost;
  // Nothing that leads out of the sandbox's own network; the kernel's own answer.
  if (!fits(socket, call.address) && !on_host) return connect_in_place(id, call);
  if (!fits(socket, call.address)) return deny(call, std::string(kNotElsewhere));
  call.address.address = as_destination(call.address.address);
  AddressDecision decision = rules_.decide_connect(call.address.address, call.address.port);
  if (decision.verdict == AddressVerdict::kAsk && is_approved(call)) decision.verdict = AddressVerdict::kHost;
  // A socket of the sandbox that is in use already reaches nothing but its own network, where the kernel says why not.
  if (decision.verdict == AddressVerdict::kAsk && (on_host || is_idle(socket.descriptor.get())))
    return ask(id, owned, std::move(decision));
  if (decision.verdict == AddressVerdict::kDenied) return deny(call, std::move(decision.because));
  // A socket of the host takes what is allowed on the host, and nothing else: its loopback would be the host's.
  if (on_host && decision.verdict == AddressVerdict::kOwn) return deny(call, std::string(kNotElsewhere));
  const bool granted = decision.verdict == AddressVerdict::kHost && (on_host || is_idle(socket.descriptor.get()));
  if (granted && !note_grant(call, decision.because)) return deny(call, std::string(kNotRecorded));
  if (on_host) {
    call.address.length = write_socket_address(socket.domain, call.address, call.address.bytes);
    note_approved_connection(call, socket.descriptor.get());
    return connect_in_place(id, call);
  }
  return granted ? connect_on_host(id, call) : connect_in_place(id, call);
}

// The caller's own file, connected by us: where it reaches is bounded by its network, or was allowed.
Answer SocketCalls::connect_in_place(std::uint64_t id, Call& call) {
  WaitingConnect connect{std::move(call.socket), call.address, PromptSocket(), std::nullopt};
  const int socket = connect.socket();
  // So that we do not wait ourselves. The caller's other threads can see it; it is put back in go_on() or abandon().
  if (!connect.caller.non_blocking) (void)::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
  const int error = try_connect(socket, call.address.bytes, call.address.length);
  return go_on(id, std::move(connect), error);
}

Answer SocketCalls::connect_on_host(std::uint64_t id, Call& call) {
  PromptSocket made = make_host_socket(call.socket);
  if (!made.valid()) return AnswerErrno{errno};
  call.address.length = write_socket_address(call.socket.domain, call.address, call.address.bytes);
  note_approved_connection(call, made.get());
  int error = try_connect(made.get(), call.address.bytes, call.address.length);
  // Near connections are there by now; asked again, the kernel also marks the socket as connected for good.
  if (error == EINPROGRESS) error = try_connect(made.get(), call.address.bytes, call.address.length);
  return go_on(id, {std::move(call.socket), call.address, std::move(made), std::nullopt}, error);
}

// After each attempt: hands over, waits, or passes the error on.
Answer SocketCalls::go_on(std::uint64_t id, WaitingConnect connect, int error) {
  const bool waits = is_under_way(error) && !connect.caller.non_blocking;
  const auto now = std::chrono::steady_clock::now();
  if (waits && !connect.deadline) connect.deadline = send_deadline(connect.socket());
  const bool late = connect.deadline && now >= *connect.deadline;
  if (waits && !late && waiting_.add(id, connect)) return AnswerLater{};
  if (waits && !late) error = ENOBUFS;
  // What connect(2) says about an attempt that goes on without its caller; SO_ERROR tells the end.
  if (error == EALREADY && (connect.made.valid() || late)) error = EINPROGRESS;
  if (connect.made.valid() && (error == 0 || error == EINPROGRESS))
    return hand_over(id, connect.caller, std::move(connect.made), error);
  if (!connect.made.valid()) set_blocking_as(connect.caller, connect.socket());
  return errno_answer(error);
}

// The broker's socket takes the place of the caller's, under the same number. Without WAIT_KILLABLE_RECV a signal could
// come between the two steps; the listener filter always asks for it.
Answer SocketCalls::hand_over(std::uint64_t id, CallerSocket& caller, PromptSocket made, int error) {
  const auto registrations = find_epoll_registrations(caller.thread, caller.number);
  set_blocking_as(caller, made.get());
  // The old socket must end when its number is taken, and with it what epoll instances know about it.
  caller.descriptor.reset();
  const auto placed = loop_.place_descriptor(id, {made.get(), caller.number, caller.close_on_exec});
  if (!placed) return AnswerErrno{placed.error().system_errno == EMFILE ? EMFILE : EPERM};
  if (*placed) restore_epoll_registrations(registrations, made.get(), caller.number);
  return errno_answer(error);
}

Answer SocketCalls::bind(std::uint64_t id, OwnedCall& owned) {
  Call& call = *owned;
  const CallerSocket& socket = call.socket;
  if (!socket.is_internet()) return other_family(call);
  if (socket.network == SocketNetwork::kHost) return deny(call, "a granted connection cannot be bound elsewhere");
  if (fits(socket, call.address)) {
    AddressDecision decision = rules_.decide_bind(call.address.address, call.address.port);
    if (decision.verdict == AddressVerdict::kAsk && !is_approved(call)) return ask(id, owned, std::move(decision));
    if (decision.verdict != AddressVerdict::kOwn) {
      if (!note_grant(call, decision.because)) return deny(call, std::string(kNotRecorded));
      return bind_on_host(id, call);
    }
  }
  // In the sandbox's own network.
  return done(::bind(socket.descriptor.get(), as_kernel_has_it(call.address.bytes), call.address.length));
}

Answer SocketCalls::bind_on_host(std::uint64_t id, Call& call) {
  if (bound_.size() >= kBoundLimit) return AnswerErrno{ENOBUFS};
  PromptSocket made = make_host_socket(call.socket);
  if (!made.valid()) return AnswerErrno{errno};
  call.address.length = write_socket_address(call.socket.domain, call.address, call.address.bytes);
  if (::bind(made.get(), as_kernel_has_it(call.address.bytes), call.address.length) != 0) return AnswerErrno{errno};
  // Before it is in the caller's hands: from then on it may listen.
  bound_.insert(socket_cookie(made.get()));
  return hand_over(id, call.socket, std::move(made), 0);
}

Answer SocketCalls::listen(std::uint64_t /*id*/, OwnedCall& owned) {
  const Call& call = *owned;
  const int socket = call.socket.descriptor.get();
  // A socket of the host listens only where a rule let it be bound. Any other one would be bound by listen(2) itself,
  // at a port of the kernel's choice.
  if (call.socket.network == SocketNetwork::kHost && !bound_.contains(socket_cookie(socket)))
    return deny(call, "a granted connection cannot listen");
  return done(::listen(socket, call.backlog));
}

void SocketCalls::finish_waiting() {
  for (const std::uint64_t id : waiting_.due()) {
    auto connect = waiting_.take(id);
    if (!connect) continue;
    const int error = try_connect(connect->socket(), connect->address.bytes, connect->address.length);
    Answer answer = go_on(id, std::move(*connect), error);
    if (!std::holds_alternative<AnswerLater>(answer)) loop_.answer_later(id, std::move(answer));
  }
}

void SocketCalls::abandon(std::uint64_t id) {
  if (asked_.erase(id) > 0) questioner_->withdraw(id);
  auto connect = waiting_.take(id);
  if (connect && !connect->made.valid()) set_blocking_as(connect->caller, connect->socket());
}

}  // namespace writ
