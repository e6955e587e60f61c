#include "broker/mediation/remembered_commands.h"

#include <utility>

namespace writ {
namespace {

std::vector<std::string> words_of(std::string_view program, std::span<const std::string> arguments) {
  std::vector<std::string> words{std::string(program)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

}  // namespace

void RememberedCommands::add(std::string_view program, std::span<const std::string> arguments) {
  std::vector<std::string> words = words_of(program, arguments);
  std::size_t size = words.size() * sizeof(std::string);
  for (const std::string& word : words) size += word.size();
  if (commands_.size() >= kCommandLimit || size > kByteLimit - bytes_) return;
  if (commands_.insert(std::move(words)).second) bytes_ += size;
}

bool RememberedCommands::has(std::string_view program, std::span<const std::string> arguments) const {
  return !commands_.empty() && commands_.contains(words_of(program, arguments));
}

}  // namespace writ
