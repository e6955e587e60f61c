#include "launcher/command_neutraliser.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace writ {
namespace {

constexpr std::array<std::string_view, 2> kBeginnings = {"##vso[", "##["};

char small(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte; }

enum class Begins : std::uint8_t { kNo, kPerhaps, kYes };

Begins begins_command(std::string_view rest) {
  Begins result = Begins::kNo;
  for (const std::string_view beginning : kBeginnings) {
    const std::size_t common = std::min(beginning.size(), rest.size());
    const bool same = std::equal(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(common), beginning.begin(),
                                 [](char byte, char wanted) { return small(byte) == wanted; });
    if (same) result = std::max(result, common == beginning.size() ? Begins::kYes : Begins::kPerhaps);
  }
  return result;
}

}  // namespace

void CommandNeutraliser::write(std::string_view bytes, std::string& out) {
  kept_.append(bytes);
  std::string_view rest = kept_;
  while (!rest.empty()) {
    const std::size_t plain = std::min(rest.find('#'), rest.size());
    out.append(rest.substr(0, plain));
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    const Begins begins = begins_command(rest);
    if (begins == Begins::kPerhaps) break;
    const std::size_t taken = begins == Begins::kYes ? 2 : 1;
    out.append(begins == Begins::kYes ? "**" : "#");
    rest.remove_prefix(taken);
  }
  kept_.erase(0, kept_.size() - rest.size());
}

void CommandNeutraliser::finish(std::string& out) {
  out.append(kept_);
  kept_.clear();
}

std::string without_ci_commands(std::string_view text) {
  CommandNeutraliser neutraliser;
  std::string out;
  neutraliser.write(text, out);
  neutraliser.finish(out);
  return out;
}

}  // namespace writ
