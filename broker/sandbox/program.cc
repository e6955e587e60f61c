#include "broker/sandbox/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr int kInterpreterDepth = 4;      // the kernel's own bound is 5 (BINPRM recursion, fs/exec.c)
constexpr std::size_t kHeaderSize = 256;  // BINPRM_BUF_SIZE of linux/binfmts.h
constexpr unsigned kAnyExecuteBit = 0111;

using Problem = tl::unexpected<ProgramError>;

Problem problem(ProgramProblem kind, int system_errno, std::string what, std::string hint = {}) {
  return Problem(ProgramError{kind, Error{std::move(what), system_errno, std::move(hint)}});
}

// RESOLVE_IN_ROOT: absolute links and ".." mean what they mean to the tool.
int open_in_view(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const long fd = raw_syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  if (fd < 0) errno = static_cast<int>(-fd);
  return fd < 0 ? -1 : static_cast<int>(fd);
}

std::string absolute(const std::string& path, const std::string& working_directory) {
  return path.starts_with('/') ? path : working_directory + "/" + path;
}

struct Candidate {
  UniqueFd file;  // O_PATH
  std::string path;
};

tl::expected<Candidate, ProgramError> open_executable(const ProgramRequest& request, const std::string& path) {
  // O_PATH opens nothing, so nothing can block.
  UniqueFd file(open_in_view(request.view_root, path, O_PATH));
  if (!file.valid()) {
    const bool absent = errno == ENOENT || errno == ENOTDIR;
    return problem(absent ? ProgramProblem::kNotFound : ProgramProblem::kNotExecutable, errno,
                   "cannot find the program " + quote_bytes(path) + " in the view",
                   absent ? "if it exists on this host, its directory is not granted: add --read for it" : "");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & kAnyExecuteBit) == 0)
    return problem(ProgramProblem::kNotExecutable, S_ISDIR(status.st_mode) ? EISDIR : EACCES,
                   "cannot execute " + quote_bytes(path));
  return Candidate{std::move(file), path};
}

tl::expected<Candidate, ProgramError> search(const ProgramRequest& request, const std::string& name) {
  std::string_view rest = request.search_path;
  Problem last = problem(ProgramProblem::kNotFound, 0,
                         "cannot find the program " + quote_bytes(name) + " along PATH inside the view",
                         "PATH in the sandbox is " + quote_bytes(request.search_path) +
                             "; grant the program's directory with --read, or name its path");
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string directory(rest.substr(0, colon));
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
    if (!directory.starts_with('/')) continue;  // "" and "." would mean: whatever a tool left in the workspace
    auto found = open_executable(request, directory + "/" + name);
    if (found) return found;
    if (found.error().problem == ProgramProblem::kNotExecutable) last = Problem(std::move(found.error()));
  }
  return last;
}

tl::expected<Candidate, ProgramError> find(const ProgramRequest& request, const std::string& name) {
  if (name.empty()) return problem(ProgramProblem::kNotFound, ENOENT, "the program's name is empty");
  if (name.find('/') == std::string::npos) return search(request, name);
  return open_executable(request, absolute(name, request.working_directory));
}

struct Shebang {
  std::string interpreter;
  std::string argument;  // the one optional argument, empty when absent
};

enum class Format { kBinary, kScript, kPlainText };

struct Header {
  Format format = Format::kBinary;
  Shebang shebang;
};

// execve(2), "Interpreter scripts": "#!", optional blanks, the interpreter, optionally blanks and one argument.
Shebang parse_shebang(std::string_view line) {
  constexpr std::string_view kBlank = " \t";
  line = line.substr(2, line.find('\n') == std::string_view::npos ? line.size() : line.find('\n') - 2);
  const std::size_t start = line.find_first_not_of(kBlank);
  if (start == std::string_view::npos) return {};
  line.remove_prefix(start);
  const std::size_t end = line.find_first_of(kBlank);
  Shebang shebang{std::string(line.substr(0, end)), {}};
  if (end == std::string_view::npos) return shebang;
  line.remove_prefix(end);
  const std::size_t first = line.find_first_not_of(kBlank);
  const std::size_t last = line.find_last_not_of(kBlank);
  if (first != std::string_view::npos) shebang.argument = line.substr(first, last - first + 1);
  return shebang;
}

// A program that may be executed but not read is a binary as far as we can know; the kernel will judge.
Header read_header(const ProgramRequest& request, const Candidate& candidate) {
  const UniqueFd readable(open_in_view(request.view_root, candidate.path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat opened {};
  struct stat decided {};
  if (!readable.valid() || ::fstat(readable.get(), &opened) != 0 || ::fstat(candidate.file.get(), &decided) != 0)
    return {};
  if (opened.st_dev != decided.st_dev || opened.st_ino != decided.st_ino) return {};
  std::array<char, kHeaderSize> bytes{};
  const ssize_t length = ::pread(readable.get(), bytes.data(), bytes.size(), 0);
  const std::string_view text(bytes.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
  if (text.starts_with("#!")) return {Format::kScript, parse_shebang(text)};
  if (text.starts_with("\177ELF")) return {};
  return {text.find('\0') == std::string_view::npos ? Format::kPlainText : Format::kBinary, {}};
}

}  // namespace

tl::expected<Program, ProgramError> resolve_program(const ProgramRequest& request) {
  auto found = find(request, request.argv.front());
  if (!found) return Problem(std::move(found.error()));
  Program program{{}, {}, found->path, request.argv};
  // A script learns its own name as it was written: by the person, or in the line that names it as an interpreter.
  const std::string& typed = request.argv.front();
  std::string name = typed.find('/') != std::string::npos ? typed : found->path;
  for (int depth = 0; depth < kInterpreterDepth; ++depth) {
    const Header header = read_header(request, *found);
    if (header.format == Format::kBinary) {
      program.executable = std::move(found->file);
      program.executable_path = found->path;
      return program;
    }
    const bool script = header.format == Format::kScript;
    const std::string interpreter = script ? header.shebang.interpreter : "/bin/sh";
    if (interpreter.empty())
      return problem(ProgramProblem::kNotExecutable, ENOEXEC, quote_bytes(found->path) + " names no interpreter");
    std::vector<std::string> arguments{interpreter};
    if (script && !header.shebang.argument.empty()) arguments.push_back(header.shebang.argument);
    arguments.push_back(name);
    arguments.insert(arguments.end(), program.arguments.begin() + 1, program.arguments.end());
    program.arguments = std::move(arguments);
    auto next = open_executable(request, absolute(interpreter, request.working_directory));
    if (!next) {
      next.error().error.what += ", the interpreter of " + quote_bytes(found->path);
      return Problem(std::move(next.error()));
    }
    found = std::move(next);
    name = interpreter;
  }
  return problem(ProgramProblem::kNotExecutable, ELOOP,
                 "the interpreters of " + quote_bytes(program.path) + " are scripts themselves, too many levels deep");
}

}  // namespace writ
