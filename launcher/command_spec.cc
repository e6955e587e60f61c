#include "launcher/command_spec.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/sandbox/launch.h"
#include "launcher/plain_words.h"

namespace writ {
namespace {

// Adds one option to a CLI::App; called with the target that the specification holds.
struct OptionAdder {
  CLI::App& app;
  const OptionSpec& spec;

  [[nodiscard]] bool is_positional() const { return spec.names[0] != '-'; }

  CLI::Option* operator()(bool* flag) const { return app.add_flag(spec.names, *flag, spec.help); }
  CLI::Option* operator()(std::string* text) const {
    return app.add_option(spec.names, *text, spec.help)->type_name(spec.type);
  }
  CLI::Option* operator()(std::vector<std::string>* list) const {
    CLI::Option* option = app.add_option(spec.names, *list, spec.help)->type_name(spec.type);
    if (!is_positional()) option->allow_extra_args(false);  // "--read a b" reads a only
    return option;
  }
};

void describe(CLI::App& app, const CommandSpec& spec) {
  app.failure_message(CLI::FailureMessage::simple);
  app.footer(std::string(spec.footer));
  for (const OptionSpec& option : spec.options) {
    CLI::Option* added = std::visit(OptionAdder{app, option}, option.target);
    if (option.need == Need::kRequired) added->required();
    if (option.help[0] == '\0') added->group("");  // CLI11 hides an option of no group
  }
}

// CLI11 reports by exception; none leaves this function.
Parsed<void> parse(CLI::App& app, const std::string& name, std::span<const std::string> words) {
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return tl::unexpected(CommandLineDone{app.exit(error)});
    return tl::unexpected(usage_error(escape_bytes(error.what()), name));
  }
  return {};
}

CommandLineDone refuse_unknown(const CommandSpec& spec, std::span<const CommandTitle> titles, const std::string& word) {
  std::vector<std::string_view> known;
  known.reserve(titles.size());
  for (const CommandTitle& title : titles) known.push_back(title.name);
  return usage_error("there is no command " + quote_bytes(word, 80) + did_you_mean(word, known), spec.name);
}

std::string_view name_of(const OptionSpec& option) {
  const std::string_view names = option.names;
  return names.substr(names.rfind(',') + 1);
}

// A variable of the shell's that is not set. Taken for an option that was not given, it would mean something else, and
// mostly less: no time limit, no capabilities that deny. Lists are looked at by whoever knows what is in them.
bool has_empty_value(const CLI::App& app, const OptionSpec& option) {
  if (option.names[0] != '-' || app.count(std::string(name_of(option))) == 0) return false;
  const auto* text = std::get_if<std::string*>(&option.target);
  return text != nullptr && (*text)->empty();
}

}  // namespace

TypedWords split_at_separator(std::span<const std::string> words) {
  const auto separator = std::find(words.begin(), words.end(), "--");
  TypedWords typed{{words.begin(), separator}, {}, separator != words.end()};
  if (typed.separated) typed.command.assign(separator + 1, words.end());
  return typed;
}

Parsed<void> read_words(const CommandSpec& spec, std::span<const std::string> words) {
  if (read_plain_words(spec, words) == PlainWords::kRead) return {};
  return read_any_words(spec, words);
}

Parsed<void> read_any_words(const CommandSpec& spec, std::span<const std::string> words) {
  CLI::App app(std::string(spec.summary), spec.name);
  describe(app, spec);
  if (const auto parsed = parse(app, spec.name, words); !parsed) return parsed;
  for (const OptionSpec& option : spec.options)
    if (has_empty_value(app, option))
      return tl::unexpected(usage_error(std::string(name_of(option)) + " has an empty value", spec.name));
  return {};
}

CommandLineDone answer_without_command(const CommandSpec& spec, std::span<const CommandTitle> titles,
                                       std::span<const std::string> words) {
  if (!words.empty() && !words.front().starts_with('-')) return refuse_unknown(spec, titles, words.front());
  CLI::App app(std::string(spec.summary), spec.name);
  describe(app, spec);
  if (spec.name == "writ") app.set_version_flag("--version", "writ " WRIT_VERSION);
  for (const CommandTitle& title : titles) app.add_subcommand(std::string(title.name), std::string(title.summary));
  const Parsed<void> parsed = parse(app, spec.name, words);
  if (!parsed) return parsed.error();
  return usage_error("a command is missing", spec.name);
}

CommandLineDone usage_error(std::string_view message, std::string_view command) {
  std::cerr << "writ: " << message << "\nTry '" << command << " --help'.\n";
  return {kExitWritFailed};
}

}  // namespace writ
