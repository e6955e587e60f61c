#include "launcher/profile_init.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "broker/base/unique_fd.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/profile_reading.h"

namespace writ {
namespace {

constexpr std::size_t kLongestName = 40;

struct StackFile {
  std::string_view file;
  std::string_view profile;
};

// The first that exists decides: a Makefile often only calls the tools of the language.
constexpr auto kStackFiles = std::to_array<StackFile>({
    {"package.json", "node"},
    {"pyproject.toml", "python"},
    {"setup.py", "python"},
    {"requirements.txt", "python"},
    {"Cargo.toml", "build"},
    {"go.mod", "build"},
    {"CMakeLists.txt", "build"},
    {"meson.build", "build"},
    {"Makefile", "build"},
});

// A regular file only: nothing here is opened or followed.
bool is_file_in(const std::string& directory, std::string_view name) {
  struct stat status {};
  return ::lstat((directory + "/" + std::string(name)).c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

Status write_new_file(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid() && errno == EEXIST)
    return fail(quote_bytes(path) + " exists and is not overwritten", "choose another name, or remove it first");
  if (!file.valid()) return fail_errno(errno, "cannot make " + quote_bytes(path));
  if (write_patiently(file.get(), text, -1)) return {};
  const int error = errno;
  ::unlink(path.c_str());
  return fail_errno(error, "cannot write " + quote_bytes(path));
}

std::string init_json(const std::string& text, const DetectedStack& stack, const ProfileOptions& options) {
  JsonObject object;
  object.set("schema", "writ.profile.init").set("schema_version", 1).set("extends", stack.profile);
  if (!stack.because.empty()) object.set("because", stack.because);
  if (!options.names.empty()) object.set("file", escape_bytes(options.names.front()));
  object.set("text", text);
  return JsonValue(std::move(object)).to_text(2) + "\n";
}

}  // namespace

DetectedStack detect_stack(const std::function<bool(std::string_view file)>& exists) {
  for (const StackFile& entry : kStackFiles)
    if (exists(entry.file)) return {entry.profile, entry.file};
  return {"default", ""};
}

std::string profile_name_for(std::string_view directory) {
  std::string name;
  for (char c : directory) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (good)
      name += c;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  name.resize(std::min(name.size(), kLongestName));
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "project" : name;
}

int run_profile_init(const ProfileOptions& options) {
  const std::optional<ProfileReading> reading = start_or_complain(options);
  if (!reading) return kExitWritFailed;
  const std::string& workspace = reading->workspace();
  const DetectedStack stack = detect_stack([&](std::string_view file) { return is_file_in(workspace, file); });
  const std::string name = profile_name_for(std::string_view(workspace).substr(workspace.rfind('/') + 1));
  const std::string text = starter_profile(name, stack);
  if (!options.names.empty()) {
    if (const Status written = write_new_file(options.names.front(), text); !written) {
      print_message(written.error().describe());
      return kExitWritFailed;
    }
  }
  if (options.format == OutputFormat::kJson) return print_result(init_json(text, stack, options), 0);
  if (options.names.empty()) return print_result(text, 0);
  const std::string file = escape_bytes(options.names.front());
  return print_result("wrote " + file + ", which extends '" + std::string(stack.profile) + "'" +
                          (stack.because.empty() ? "" : " (there is a " + std::string(stack.because) + ")") +
                          "\nnext: writ profile check " + file + "\n",
                      0);
}

}  // namespace writ
