#include "broker/mediation/call_reader.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/time.h>
#include <utime.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <type_traits>

#include "broker/kernel/process_memory.h"
#include "broker/mediation/open_flags.h"

namespace writ {
namespace {

constexpr int kDone = 0;

// Reads one call. Every function returns 0 or the errno with which the call ends.
class CallReader {
 public:
  CallReader(const MediatedCall& row, const Notification& call, CallerTable& callers) : callers_(callers) {
    copy_->row = &row;
    copy_->thread = call.thread;
    for (std::size_t i = 0; i < copy_->arguments.size(); ++i) copy_->arguments[i] = call.call.args[i];
  }

  std::variant<std::unique_ptr<CopiedCall>, int> read() {
    for (int (CallReader::*part)() :
         {&CallReader::flags, &CallReader::object, &CallReader::second_path, &CallReader::values, &CallReader::umask})
      if (const int error = (this->*part)(); error != kDone) return error;
    take_record();
    return std::move(copy_);
  }

 private:
  [[nodiscard]] const MediatedCall& row() const { return *copy_->row; }
  [[nodiscard]] std::uint64_t argument(std::int8_t index) const { return copy_->argument(index); }

  // Flags are an int: the kernel does not look at the upper half.
  int flags() {
    constexpr std::uint64_t kCreat = O_CREAT | O_WRONLY | O_TRUNC;
    const bool rmdir = row().operation == Operation::kUnlink && row().call.name == "rmdir";
    if (row().operation == Operation::kOpen) copy_->flags = kCreat;
    if (rmdir) copy_->flags = AT_REMOVEDIR;
    if (row().flags != kNoArgument) copy_->flags = argument(row().flags) & 0xFFFFFFFFu;
    if (row().operation == Operation::kOpen) copy_->flags &= kKnownOpenFlags;
    copy_->last_link = row().first.last_link;
    if (row().operation != Operation::kOpen && row().operation != Operation::kRename) turn_last_link();
    return kDone;
  }

  void turn_last_link() {
    const bool link = row().operation == Operation::kLink;
    if (link && (copy_->flags & AT_SYMLINK_FOLLOW) != 0) copy_->last_link = FinalLink::kFollowed;
    if (!link && (copy_->flags & AT_SYMLINK_NOFOLLOW) != 0 && copy_->last_link == FinalLink::kFollowed)
      copy_->last_link = FinalLink::kMeant;
  }

  int text(std::uint64_t address, std::size_t limit, int too_long, std::string& into) {
    auto read = read_text(copy_->thread, address, limit);
    if (!read) return read.error() == MemoryProblem::kTooLong ? too_long : errno_of(read.error());
    into = std::move(*read);
    return kDone;
  }

  int start(const CallPath& path, CopiedPath& into) {
    const int number = copy_->start_number(path);
    if (row().operation == Operation::kOpen && start_by_path(number, into)) return kDone;
    take_record();
    into.start = copy_->caller->directory(number);
    return into.start.valid() ? kDone : errno;
  }

  // Most opens need no more of the directory than its path, and reading that also shows that the record is this
  // thread's.
  bool start_by_path(int number, CopiedPath& into) {
    const std::shared_ptr<const CallerRecord> known = callers_.remembered(copy_->thread);
    if (!known) return false;
    auto path = number == AT_FDCWD ? known->working_directory_path() : known->directory_path(number);
    if (!path) return false;
    copy_->caller = known;
    into.start_path = std::move(*path);
    return true;
  }

  void take_record() {
    if (!copy_->caller) copy_->caller = callers_.record(copy_->thread);
  }

  int path(const CallPath& path, CopiedPath& into) {
    if (const int error = text(argument(path.path), PATH_MAX - 1, ENAMETOOLONG, into.text); error != kDone)
      return error;
    return into.text.starts_with('/') ? kDone : start(path, into);
  }

  int object() {
    const CallPath& first = row().first;
    if (row().operation == Operation::kUmask) return kDone;
    const bool without_path =
        first.path == kNoArgument ||
        (row().operation == Operation::kSetTimes && first.directory != kNoArgument && argument(first.path) == 0);
    if (without_path) {
      copy_->form = ObjectForm::kDescriptor;
      return start(first, copy_->first);
    }
    if (const int error = path(first, copy_->first); error != kDone) return error;
    const bool has_at_flags = row().flags != kNoArgument && row().operation != Operation::kOpen &&
                              row().operation != Operation::kRename && row().operation != Operation::kUnlink;
    if (copy_->first.text.empty() && has_at_flags && (copy_->flags & AT_EMPTY_PATH) != 0)
      copy_->form = ObjectForm::kDescriptor;
    return kDone;
  }

  int second_path() { return row().second.path == kNoArgument ? kDone : path(row().second, copy_->second); }

  int values() {
    switch (row().operation) {
      case Operation::kSymlink:
        return text(argument(row().value), PATH_MAX - 1, ENAMETOOLONG, copy_->text);
      case Operation::kSetTimes:
        return times();
      case Operation::kSetAttribute:
      case Operation::kRemoveAttribute:
        return attribute();
      default:
        return kDone;
    }
  }

  int attribute() {
    if (const int error = text(argument(row().value), XATTR_NAME_MAX, ERANGE, copy_->text); error != kDone)
      return error;
    if (row().operation == Operation::kRemoveAttribute) return kDone;
    const std::uint64_t size = copy_->value(2);
    if (size > XATTR_SIZE_MAX) return E2BIG;
    copy_->bytes.resize(size);
    return memory(copy_->value(1), std::span(copy_->bytes));
  }

  int memory(std::uint64_t address, std::span<std::byte> into) {
    const auto read = read_memory(copy_->thread, address, into);
    return read ? kDone : errno_of(read.error());
  }

  template <class Form>
  int read_form(std::uint64_t address, Form& form) {
    static_assert(std::is_trivially_copyable_v<Form>);
    return memory(address, std::as_writable_bytes(std::span(&form, 1)));
  }

  // No times at all mean "now".
  int times() {
    const std::uint64_t address = copy_->value();
    if (address == 0) return kDone;
    copy_->times.emplace();
    if (row().values == Values::kUtimbuf) return read_utimbuf(address);
    if (row().values == Values::kTimevals) return read_timevals(address);
    return read_form(address, *copy_->times);
  }

  int read_utimbuf(std::uint64_t address) {
    utimbuf form{};
    const int error = read_form(address, form);
    *copy_->times = {timespec{form.actime, 0}, timespec{form.modtime, 0}};
    return error;
  }

  int read_timevals(std::uint64_t address) {
    std::array<timeval, 2> form{};
    if (const int error = read_form(address, form); error != kDone) return error;
    for (std::size_t i = 0; i < form.size(); ++i) {
      if (form[i].tv_usec < 0 || form[i].tv_usec >= 1'000'000) return EINVAL;
      (*copy_->times)[i] = {form[i].tv_sec, form[i].tv_usec * 1000};
    }
    return kDone;
  }

  int umask() {
    const bool makes = row().operation == Operation::kMakeDirectory || row().operation == Operation::kMakeNode;
    if (!makes) return kDone;
    take_record();
    const std::optional<mode_t> mask = callers_.umask_of(copy_->thread, *copy_->caller);
    // What nobody can find out must not widen a mode.
    copy_->umask = mask.value_or(077);
    return kDone;
  }

  CallerTable& callers_;
  std::unique_ptr<CopiedCall> copy_ = std::make_unique<CopiedCall>();
};

}  // namespace

std::variant<std::unique_ptr<CopiedCall>, int> read_mediated_call(const MediatedCall& row, const Notification& call,
                                                                  CallerTable& callers) {
  return CallReader(row, call, callers).read();
}

}  // namespace writ
