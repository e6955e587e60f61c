#include "launcher/plain_words.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <type_traits>

namespace writ {
namespace {

// "-p,--profile" names an option by either part.
bool is_name_of(std::string_view names, std::string_view word) {
  while (!names.empty()) {
    const std::size_t end = std::min(names.find(','), names.size());
    if (names.substr(0, end) == word) return true;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return false;
}

// Values whose first byte could mean something to the library (a list in brackets, an option) are left to it.
bool is_plain_value(std::string_view word) {
  if (word.empty()) return false;
  const char first = word.front();
  return (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || (first >= '0' && first <= '9') ||
         first == '/' || first == '.' || first == '~' || first == '_';
}

constexpr std::size_t kMostOptions = 32;

// For each option, the places of its values among the words; a flag's place is its own.
struct PlainReading {
  std::array<std::vector<std::size_t>, kMostOptions> places;
};

// Reads the option at `next` and moves it behind its value; false when that is not plain.
bool read_option(const CommandSpec& spec, std::span<const std::string> words, std::size_t& next,
                 PlainReading& reading) {
  const auto found = std::find_if(spec.options.begin(), spec.options.end(), [&](const OptionSpec& option) {
    return option.names[0] == '-' && is_name_of(option.names, words[next]);
  });
  if (found == spec.options.end()) return false;
  const bool flag = std::holds_alternative<bool*>(found->target);
  const bool list = std::holds_alternative<std::vector<std::string>*>(found->target);
  if (!flag && (++next == words.size() || !is_plain_value(words[next]))) return false;
  std::vector<std::size_t>& places = reading.places[static_cast<std::size_t>(found - spec.options.begin())];
  if (!list && !places.empty()) return false;
  places.push_back(next++);
  return true;
}

void fill(const OptionSpec& option, const std::vector<std::size_t>& places, std::span<const std::string> words) {
  const auto put = [&](auto* target) {
    using Target = std::remove_pointer_t<decltype(target)>;
    if constexpr (std::is_same_v<Target, bool>) {
      *target = true;
    } else if constexpr (std::is_same_v<Target, std::string>) {
      *target = words[places.front()];
    } else {
      target->clear();
      for (const std::size_t place : places) target->push_back(words[place]);
    }
  };
  std::visit(put, option.target);
}

}  // namespace

PlainWords read_plain_words(const CommandSpec& spec, std::span<const std::string> words) {
  if (spec.options.size() > kMostOptions) return PlainWords::kNotPlain;
  PlainReading reading;
  for (std::size_t next = 0; next < words.size();)
    if (!read_option(spec, words, next, reading)) return PlainWords::kNotPlain;
  for (std::size_t i = 0; i < spec.options.size(); ++i)
    if (spec.options[i].need == Need::kRequired && reading.places[i].empty()) return PlainWords::kNotPlain;
  for (std::size_t i = 0; i < spec.options.size(); ++i)
    if (!reading.places[i].empty()) fill(spec.options[i], reading.places[i], words);
  return PlainWords::kRead;
}

}  // namespace writ
