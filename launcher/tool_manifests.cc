#include "launcher/tool_manifests.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <iterator>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/tool/tool_manifest.h"

namespace writ {
namespace {

struct EmbeddedManifest {
  std::string_view name;
  std::string_view text;
};

constexpr EmbeddedManifest kManifests[] = {
#include "shipped_tools.inc"
};

// Below the directory of the running program.
constexpr std::array<std::string_view, 2> kToolPrograms = {"/writ-tools", "/../libexec/writ/writ-tools"};

Status add(ToolTable& table, const EmbeddedManifest& embedded) {
  WRIT_ASSIGN(ToolManifest manifest,
              ToolManifest::parse("built in:" + std::string(embedded.name) + ".yaml", embedded.text));
  return table.add(std::move(manifest));
}

}  // namespace

Result<ToolTable> shipped_tool(std::string_view name) {
  ToolTable table;
  for (const EmbeddedManifest& embedded : kManifests)
    if (embedded.name == name) WRIT_TRY(add(table, embedded));
  return table;
}

bool is_shipped_tool(std::string_view name) {
  return std::any_of(std::begin(kManifests), std::end(kManifests),
                     [&](const EmbeddedManifest& embedded) { return embedded.name == name; });
}

Result<ToolTable> shipped_tools(const std::vector<std::string>& visible) {
  ToolTable table;
  for (const EmbeddedManifest& embedded : kManifests) WRIT_TRY(add(table, embedded));
  if (!visible.empty()) WRIT_TRY(table.project(visible));
  return table;
}

Result<std::string> find_tool_program() {
  std::array<char, PATH_MAX> own{};
  const ssize_t length = ::readlink("/proc/self/exe", own.data(), own.size());
  if (length <= 0 || static_cast<std::size_t>(length) == own.size()) return fail("cannot find the running program");
  const std::string_view path(own.data(), static_cast<std::size_t>(length));
  const std::string directory(path.substr(0, path.rfind('/')));
  for (const std::string_view place : kToolPrograms) {
    std::array<char, PATH_MAX> real{};
    const std::string candidate = directory + std::string(place);
    if (::access(candidate.c_str(), X_OK) == 0 && ::realpath(candidate.c_str(), real.data()) != nullptr)
      return std::string(real.data());
  }
  return fail("the program of the tools, writ-tools, is not beside " + quote_bytes(path),
              "install all of Writ: ./dev install");
}

}  // namespace writ
