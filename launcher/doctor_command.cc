#include "launcher/doctor_command.h"

#include <cstdio>
#include <cstring>
#include <string_view>

namespace writ {
namespace {

using Isolation = std::array<Requirement, kLayerCount>;

constexpr std::size_t kNameWidth = 19;
constexpr std::size_t kStateWidth = 13;
constexpr std::string_view kContinuation = "                                   ";  // indent, name and state columns

struct StateStyle {
  std::string_view start;
  std::string_view end;
};

StateStyle style_of(FeatureState state, Colour colour) {
  if (colour == Colour::kNever) return {};
  if (state == FeatureState::kAvailable) return {"\x1b[32m", "\x1b[0m"};
  if (state == FeatureState::kDegraded) return {"\x1b[33m", "\x1b[0m"};
  return {"\x1b[31m", "\x1b[0m"};
}

std::string_view role_name(FeatureRole role) {
  switch (role) {
    case FeatureRole::kLayer:
      return "layer";
    case FeatureRole::kMechanism:
      return "mechanism";
    case FeatureRole::kInformation:
      break;
  }
  return "information";
}

std::string_view role_title(FeatureRole role) {
  switch (role) {
    case FeatureRole::kLayer:
      return "Layers of isolation\n";
    case FeatureRole::kMechanism:
      return "\nWhat they are built with\n";
    case FeatureRole::kInformation:
      break;
  }
  return "\nGood to know\n";
}

bool is_required(Feature feature, const Isolation& isolation) {
  switch (describe_feature(feature).role) {
    case FeatureRole::kLayer:
      if (feature == Feature::kControlGroup) return false;  // only a limit wants it, and no profile need have one
      return isolation[static_cast<std::size_t>(feature)] == Requirement::kRequire;
    case FeatureRole::kMechanism:
      return true;
    case FeatureRole::kInformation:
      break;
  }
  return false;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string result(text);
  result.resize(std::max(width, text.size() + 1), ' ');
  return result;
}

// What was found, with the kernel's reason; the purpose of the feature where there is nothing to add.
std::string finding(const FeatureDescription& description, const FeatureStatus& status) {
  if (status.detail.empty()) return std::string(description.purpose);
  if (status.system_errno == 0) return status.detail;
  return status.detail + ": " + std::strerror(status.system_errno);
}

// Writes the rows of one role. One cause often takes away several layers: the same advice is given once.
class Table {
 public:
  Table(const Features& features, const Isolation& isolation, Colour colour)
      : features_(features), isolation_(isolation), colour_(colour) {}

  void add_section(FeatureRole role) {
    text_ += role_title(role);
    for (std::size_t i = 0; i < kFeatureCount; ++i) {
      const auto feature = static_cast<Feature>(i);
      if (describe_feature(feature).role == role) add_row(feature);
    }
  }

  std::string take() { return std::move(text_); }

 private:
  void add_row(Feature feature) {
    const FeatureDescription& description = describe_feature(feature);
    const FeatureStatus& status = features_.status(feature);
    const StateStyle style = style_of(status.state, colour_);
    text_ += "  " + padded(description.name, kNameWidth) + " ";
    text_.append(style.start).append(padded(feature_state_name(status.state), kStateWidth)).append(style.end);
    text_ += finding(description, status);
    const bool optional_layer = description.role == FeatureRole::kLayer && !is_required(feature, isolation_);
    if (status.state == FeatureState::kUnavailable && optional_layer) text_ += " (not required)";
    text_ += "\n";
    if (!status.hint.empty()) add_hint(status.hint);
  }

  void add_hint(const std::string& hint) {
    text_.append(kContinuation).append("-> ").append(hint == last_hint_ ? "as above" : hint).append("\n");
    last_hint_ = hint;
  }

  const Features& features_;
  const Isolation& isolation_;
  Colour colour_;
  std::string text_;
  std::string last_hint_;
};

std::string verdict(const Features& features, const Isolation& isolation) {
  std::string missing;
  for (std::size_t i = 0; i < kFeatureCount; ++i) {
    const auto feature = static_cast<Feature>(i);
    if (features.usable(feature) || !is_required(feature, isolation)) continue;
    missing += (missing.empty() ? "" : ", ") + std::string(describe_feature(feature).name);
  }
  if (missing.empty()) return "\nThis host can enforce everything the profile requires.\n";
  return "\nThis host cannot enforce what the profile requires: " + missing + ".\n";
}

JsonValue feature_json(Feature feature, const Features& features, const Isolation& isolation) {
  const FeatureDescription& description = describe_feature(feature);
  const FeatureStatus& status = features.status(feature);
  JsonObject object;
  object.set("name", description.name).set("kind", role_name(description.role));
  object.set("state", feature_state_name(status.state)).set("required", is_required(feature, isolation));
  object.set("purpose", description.purpose).set("detail", status.detail);
  object.set("errno", status.system_errno).set("hint", status.hint);
  return object;
}

}  // namespace

bool host_suffices(const Features& features, const Isolation& isolation) {
  for (std::size_t i = 0; i < kFeatureCount; ++i) {
    const auto feature = static_cast<Feature>(i);
    if (is_required(feature, isolation) && !features.usable(feature)) return false;
  }
  return true;
}

std::string doctor_text(const Features& features, const Isolation& isolation, Colour colour) {
  Table table(features, isolation, colour);
  for (const FeatureRole role : {FeatureRole::kLayer, FeatureRole::kMechanism, FeatureRole::kInformation})
    table.add_section(role);
  return table.take() + verdict(features, isolation);
}

JsonValue doctor_json(const Features& features, const Isolation& isolation) {
  JsonArray list;
  for (std::size_t i = 0; i < kFeatureCount; ++i) list.add(feature_json(static_cast<Feature>(i), features, isolation));
  JsonObject object;
  object.set("schema", "writ-doctor").set("schema_version", kDoctorSchemaVersion);
  object.set("sufficient", host_suffices(features, isolation));
  object.set("landlock_abi", features.landlock_abi).set("landlock_errata", features.landlock_errata);
  object.set("features", std::move(list));
  return object;
}

Parsed<DoctorOptions> parse_doctor_options(const TypedWords& typed) {
  bool json = false;
  const CommandSpec spec{
      "writ doctor",
      "Say what this host can enforce, layer by layer",
      "Exit status: 0 when everything that the default profile requires can be enforced, 1 otherwise.\n",
      {{"--json", "Print JSON", "", &json}}};
  if (const auto read = read_words(spec, typed.ours); !read) return tl::unexpected(read.error());
  return DoctorOptions{json ? OutputFormat::kJson : OutputFormat::kText, {}};
}

int run_doctor_command(const DoctorOptions& options) {
  const Features features = probe_features();
  const std::string text = options.format == OutputFormat::kJson
                               ? doctor_json(features, options.isolation).to_text(2) + "\n"
                               : doctor_text(features, options.isolation, colour_for_standard_output());
  if (!print_standard_output(text)) {
    std::fprintf(stderr, "writ doctor: cannot write the findings: %s\n", std::strerror(errno));
    return 1;
  }
  return host_suffices(features, options.isolation) ? 0 : 1;
}

}  // namespace writ
