#include "broker/observation/program_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

constexpr std::size_t kBeginning = 4096;  // holds the program headers and the name of the loader of every usual linker

std::string script_interpreter(std::string_view beginning) {
  std::string_view line = beginning.substr(2, beginning.find('\n') - 2);
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  line.remove_prefix(first);
  return std::string(line.substr(0, line.find_first_of(" \t\r")));
}

std::string elf_loader(std::string_view beginning) {
  Elf64_Ehdr header;
  if (beginning.size() < sizeof header) return {};
  std::memcpy(&header, beginning.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) return {};
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part;
    if (header.e_phoff > beginning.size()) return {};
    const std::size_t at = header.e_phoff + i * sizeof part;
    if (at + sizeof part > beginning.size()) return {};
    std::memcpy(&part, beginning.data() + at, sizeof part);
    if (part.p_type != PT_INTERP) continue;
    if (part.p_offset >= beginning.size()) return {};
    const std::string_view name = beginning.substr(part.p_offset, part.p_filesz);
    return std::string(name.substr(0, name.find('\0')));
  }
  return {};
}

}  // namespace

std::string interpreter_in(std::string_view beginning) {
  std::string path;
  if (beginning.starts_with("#!"))
    path = script_interpreter(beginning);
  else if (beginning.starts_with("\x7f"
                                 "ELF"))
    path = elf_loader(beginning);
  return path.starts_with('/') ? path : std::string();
}

std::string interpreter_of(int object) {
  struct stat status {};
  if (::fstat(object, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const std::string link = "/proc/self/fd/" + std::to_string(object);
  const UniqueFd file(::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  std::array<char, kBeginning> bytes{};
  const ssize_t got = file.valid() ? ::pread(file.get(), bytes.data(), bytes.size(), 0) : -1;
  return got <= 0 ? std::string() : interpreter_in({bytes.data(), static_cast<std::size_t>(got)});
}

}  // namespace writ
