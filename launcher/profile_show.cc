#include "launcher/profile_show.h"

#include <optional>

#include "broker/base/escape.h"
#include "broker/sandbox/launch.h"
#include "launcher/profile_json.h"
#include "launcher/profile_outline.h"
#include "launcher/profile_provenance.h"

namespace writ {
namespace {

// The file as it is, so that it can be copied; what else it is made of as comments on top.
std::string written_text(const ReadProfile& read) {
  std::string text;
  for (std::size_t i = 0; i + 1 < read.layers.size(); ++i)
    text += (i == 0 ? "" : ", ") + escape_bytes(read.layers[i].display_name);
  if (!text.empty()) text = "# made of, in this order: " + text + ", and then this file\n";
  text = "# " + escape_bytes(read.layers.back().display_name) + "\n" + text + read.layers.back().text;
  return text.ends_with('\n') ? text : text + "\n";
}

}  // namespace

std::string resolved_yaml(const ReadProfile& read, const ProfileContext& context) {
  const ProfileProvenance provenance(read.layers, context.variables);
  return outline_yaml(outline_profile(read.profile, outline_context(context)),
                      [&](const OutlineEntry& entry) { return provenance.place_of(read.profile, entry); });
}

int run_profile_show(const ProfileOptions& options) {
  const std::optional<ProfileReading> reading = start_or_complain(options);
  if (!reading) return kExitWritFailed;
  const std::optional<ReadProfile> read = read_or_complain(*reading, options.names.front());
  if (!read) return kExitWritFailed;
  if (options.format == OutputFormat::kJson)
    return print_result(profile_json(*read, reading->context()).to_text(2) + "\n", 0);
  return print_result(
      options.form == ShownForm::kResolved ? resolved_yaml(*read, reading->context()) : written_text(*read), 0);
}

}  // namespace writ
