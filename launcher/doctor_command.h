// `writ doctor`: what this host can enforce, layer by layer, and what to do about the rest.
#ifndef WRIT_LAUNCHER_DOCTOR_COMMAND_H_
#define WRIT_LAUNCHER_DOCTOR_COMMAND_H_

#include <array>
#include <cstdint>
#include <string>

#include "broker/base/json_text.h"
#include "broker/kernel/features.h"
#include "broker/policy/layer.h"
#include "launcher/command_spec.h"
#include "launcher/standard_output.h"

namespace writ {

inline constexpr int kDoctorSchemaVersion = 1;

struct DoctorOptions {
  OutputFormat format = OutputFormat::kText;
  // What the profile that is asked about says of each layer; as it stands, every layer is required.
  std::array<Requirement, kLayerCount> isolation{};
};

// Reads the words behind `writ doctor`. Errors are printed.
[[nodiscard]] Parsed<DoctorOptions> parse_doctor_options(const TypedWords& typed);

// Probes the host and prints the findings on standard output. Forks (see probe_features), so it is called before any
// thread is started. Returns 0 when all required layers and mechanisms can be used, 1 otherwise or when standard output
// cannot be written.
[[nodiscard]] int run_doctor_command(const DoctorOptions& options);

// The parts of it, pure:

// Returns true when every layer that `isolation` requires, and every mechanism, can be used.
[[nodiscard]] bool host_suffices(const Features& features, const std::array<Requirement, kLayerCount>& isolation);

// Returns the table for people, ending in one line that says the verdict.
[[nodiscard]] std::string doctor_text(const Features& features, const std::array<Requirement, kLayerCount>& isolation,
                                      Colour colour);

// Returns the findings for programs; the fields are described in docs/doctor.md.
[[nodiscard]] JsonValue doctor_json(const Features& features, const std::array<Requirement, kLayerCount>& isolation);

}  // namespace writ

#endif  // WRIT_LAUNCHER_DOCTOR_COMMAND_H_
