#include "broker/observation/path_observer.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fstream>
#include <span>
#include <utility>

#include "broker/kernel/process_memory.h"
#include "broker/observation/address_text.h"
#include "broker/observation/program_file.h"

namespace writ {
namespace {

constexpr std::size_t kThreadsRemembered = 1024;
constexpr std::size_t kProgramsRemembered = 1024;
constexpr int kInterpreterDepth = 4;  // as the kernel's for scripts (execve(2))

// Why every call goes on, whatever its arguments turn into after they were read: the answer grants nothing. What can be
// reached is bounded by the view (read-only but for the workspace and what the person opened, without secrets), by
// Landlock and by the static filter. A tool that changes its arguments hides from learning what it does, and then does
// not get it proposed.
constexpr AnswerContinue kGoOn{"learning: the view bounds the result, the answer grants nothing"};

Finding finding_of(const ResolvedPath& found) {
  if (!found.object.valid()) return Finding::kMissing;
  if (S_ISREG(found.status.st_mode)) return Finding::kFile;
  return S_ISDIR(found.status.st_mode) ? Finding::kDirectory : Finding::kOther;
}

bool on_read_only_mount(int object) {
  struct statvfs space {};
  return ::fstatvfs(object, &space) == 0 && (space.f_flag & ST_RDONLY) != 0;
}

// What `use` needs where the object is there, or is not.
Rights rights_for(PathUse use, const OpenNeeds& needs, bool exists) {
  const Rights write{Right::kWrite};
  switch (use) {
    case PathUse::kLookUp:
      return {};
    case PathUse::kOpen:
    case PathUse::kOpenHow:
      return !exists && needs.creates ? join(needs.rights, write) : needs.rights;
    case PathUse::kExecute:
      return Rights{Right::kRead, Right::kExecute};
    case PathUse::kWrite:
      return exists ? write : Rights{};
    case PathUse::kMake:
      return exists ? Rights{} : write;
    case PathUse::kReplace:
      return write;
  }
  return {};
}

unsigned permission_bits(Rights rights) {
  const unsigned read = rights.has(Right::kRead) && !rights.has(Right::kExecute) ? S_IROTH : 0u;
  return read | (rights.has(Right::kWrite) ? S_IWOTH : 0u) | (rights.has(Right::kExecute) ? S_IXOTH : 0u);
}

}  // namespace

struct PathObserver::Copy : CallCopy {
  pid_t thread = 0;
  std::string program;
  std::vector<NamedPath> paths;
  std::optional<AddressSighting> address;
  std::optional<ToolRoot> root;  // of the first caller
};

Status PathObserver::note_first_program(int view_root, const std::vector<std::string>& program) {
  UniqueFd copy(::fcntl(view_root, F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return fail_errno(errno, "cannot look at the program in the view");
  root_.emplace(ToolRoot::adopt(std::move(copy)));
  for (const std::string& path : program) note({path, PathUse::kExecute, {}, EndLink::kFollowed}, "writ");
  root_.reset();
  return {};
}

// The root was opened while the id was only believed to be valid; now it is known to have been.
void PathObserver::adopt_root(Copy& copy) {
  if (root_ || !copy.root) return;
  root_ = std::move(copy.root);
  sampler_.emplace(init_, root_->descriptor());
}

void PathObserver::end() {
  if (sampler_) peaks_ = sampler_->peaks();
  sampler_.reset();
  root_.reset();
}

// The name of the calling process. An exec changes it, so what is remembered of the thread ends there.
std::string PathObserver::program_of(const Notification& call) {
  const PathCall* row = find_path_call(call.call.nr);
  const bool executes = row != nullptr && row->first.use == PathUse::kExecute;
  if (const auto known = programs_.find(call.thread); known != programs_.end()) {
    std::string name = known->second;
    if (executes) programs_.erase(known);
    return name;
  }
  std::ifstream file("/proc/" + std::to_string(call.thread) + "/comm");
  std::string name;
  std::getline(file, name);
  if (programs_.size() >= kThreadsRemembered) programs_.clear();
  if (!executes) programs_[call.thread] = name;
  return name;
}

std::optional<PathObserver::NamedPath> PathObserver::read_path(const Notification& call,
                                                               const CallPath& argument) const {
  const auto& arguments = call.call.args;
  const std::uint64_t address = arguments[argument.path];
  if (address == 0) return std::nullopt;  // utimensat: the descriptor itself
  auto text = read_text(call.thread, address, PATH_MAX);
  if (!text || text->empty()) return std::nullopt;  // the kernel answers EFAULT, ENAMETOOLONG or ENOENT by itself
  NamedPath named{std::move(*text), argument.use, {}, EndLink::kFollowed};
  bool follows = argument.follows;
  if (argument.use == PathUse::kOpen) named.needs = open_needs(static_cast<std::uint32_t>(arguments[argument.flags]));
  if (argument.use == PathUse::kOpenHow) {
    open_how how{};
    const auto bytes = std::as_writable_bytes(std::span(&how, 1));
    if (!read_memory(call.thread, arguments[2], bytes)) return std::nullopt;
    named.needs = open_needs(how.flags);
  }
  if (argument.use == PathUse::kOpen || argument.use == PathUse::kOpenHow)
    follows = named.needs.follows;
  else if (argument.flags != kNoArgument && (arguments[argument.flags] & argument.bit) != 0)
    follows = !follows;
  if (!follows) named.final_link = EndLink::kMeant;
  if (named.path.front() == '/') {
    named.path = through_own_process(call.thread, named.path);
    return named;
  }
  const int directory = argument.directory == kNoArgument ? AT_FDCWD : static_cast<int>(arguments[argument.directory]);
  const std::string base =
      directory == AT_FDCWD ? working_directory_of(call.thread) : directory_of_descriptor(call.thread, directory);
  if (base.empty()) return std::nullopt;
  named.path.insert(0, base + "/");
  return named;
}

void PathObserver::read_address(const Notification& call, const AddressCall& row, Copy& copy) const {
  const std::uint64_t length =
      std::min<std::uint64_t>(call.call.args[row.length] & 0xFFFFFFFFu, sizeof(sockaddr_storage));
  std::array<std::byte, sizeof(sockaddr_storage)> bytes{};
  const std::span<std::byte> part = std::span(bytes).first(length);
  if (length == 0 || !read_memory(call.thread, call.call.args[row.address], part)) return;
  AddressText address = address_text(part);
  if (address.text.empty()) return;
  const Rights rights = row.use == AddressUse::kBind ? Rights{Right::kBind} : Rights{Right::kConnect};
  copy.address = AddressSighting{rights, std::move(address.text), address.is_ip};
}

std::variant<std::unique_ptr<CallCopy>, Answer> PathObserver::read(const Notification& call) {
  auto copy = std::make_unique<Copy>();
  copy->thread = call.thread;
  copy->program = program_of(call);
  if (!root_)
    if (auto root = ToolRoot::open(call.thread)) copy->root.emplace(std::move(*root));
  if (const PathCall* row = find_path_call(call.call.nr)) {
    for (const CallPath* argument : {&row->first, &row->second})
      if (argument->path != kNoArgument)
        if (auto named = read_path(call, *argument)) copy->paths.push_back(std::move(*named));
  } else if (const AddressCall* address = find_address_call(call.call.nr)) {
    read_address(call, *address, *copy);
  }
  return copy;
}

Answer PathObserver::decide(std::uint64_t /*id*/, std::unique_ptr<CallCopy> copy) {
  auto& seen = static_cast<Copy&>(*copy);
  adopt_root(seen);
  for (const NamedPath& named : seen.paths) note(named, seen.program);
  if (seen.address) record_.add(*seen.address, seen.program);
  if (sampler_) sampler_->look(seen.thread);
  return kGoOn;
}

// The classic permissions only: a list of others (acl(5)) may say otherwise, and then a rule is proposed in vain.
Obstacle PathObserver::obstacle_of(Rights rights, const ResolvedPath& found) const {
  if (rights.empty()) return Obstacle::kNone;
  const int object = found.object.valid() ? found.object.get() : found.directory.get();
  if (object < 0) return Obstacle::kAbsent;
  if (rights.has(Right::kWrite) && on_read_only_mount(object)) return Obstacle::kReadOnly;
  if (!found.object.valid()) return rights.has(Right::kWrite) ? Obstacle::kNone : Obstacle::kAbsent;
  const unsigned wanted = permission_bits(rights);
  const unsigned mode = found.status.st_mode;
  const unsigned shift = found.status.st_uid == identity_.uid ? 6 : found.status.st_gid == identity_.gid ? 3 : 0;
  return ((mode >> shift) & wanted) == wanted ? Obstacle::kNone : Obstacle::kPermission;
}

PathSighting PathObserver::sighting_of(const NamedPath& named, ResolvedPath& found) const {
  PathSighting sighting;
  sighting.finding = finding_of(found);
  sighting.rights = rights_for(named.use, named.needs, found.object.valid());
  sighting.obstacle = obstacle_of(sighting.rights, found);
  sighting.path = std::move(found.canonical);
  sighting.used_path = std::move(found.used);
  sighting.links = std::move(found.links);
  return sighting;
}

void PathObserver::note(const NamedPath& named, const std::string& program) {
  if (!root_) return;
  ResolvedPath found = root_->resolve(named.path, named.final_link);
  if (named.use == PathUse::kExecute && found.object.valid()) note_interpreter(found, program, kInterpreterDepth);
  record_.add(sighting_of(named, found), program);
}

void PathObserver::note_interpreter(const ResolvedPath& program, const std::string& by, int depth) {
  if (depth == 0 || programs_looked_at_.size() >= kProgramsRemembered) return;
  if (!programs_looked_at_.insert(program.canonical).second) return;
  const std::string interpreter = interpreter_of(program.object.get());
  if (interpreter.empty()) return;
  ResolvedPath found = root_->resolve(interpreter, EndLink::kFollowed);
  if (found.object.valid()) note_interpreter(found, by, depth - 1);
  record_.add(sighting_of({interpreter, PathUse::kExecute, {}, EndLink::kFollowed}, found), by);
}

}  // namespace writ
