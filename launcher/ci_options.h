// The command line of `writ ci`, and what it becomes. Plain data.
#ifndef WRIT_LAUNCHER_CI_OPTIONS_H_
#define WRIT_LAUNCHER_CI_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/policy/layer.h"
#include "launcher/ci_system.h"
#include "launcher/command_spec.h"
#include "launcher/run_options.h"

namespace writ {

// What makes a step fail although its command succeeded.
struct CiFailOn {
  bool denied = false;
  bool limited = false;
  bool degraded = false;
};

// --cache NAME=PATH
struct CiCacheOption {
  std::string name;
  std::string path;
};

struct CiOptions {
  RunOptions run;                  // what `writ run` gets
  std::optional<CiSystem> system;  // --system; nothing: found out from the environment
  CiFailOn fail_on;
  std::vector<std::string> masked;  // --mask NAME
  std::vector<CiCacheOption> caches;
  std::string cache_root;              // --cache-root DIR; empty: beside the person's other caches
  std::vector<std::string> artifacts;  // --artifact GLOB
  std::string artifact_directory = "writ-artifacts";
  std::string junit;    // --junit FILE
  std::string sarif;    // --sarif FILE
  std::string json;     // --json FILE
  std::string summary;  // --summary FILE; empty: the CI system's own, where it has one
  bool quiet = false;
  bool prefer_isolation = false;  // --prefer-isolation: what the host lacks is done without, and said
};

// Reads the words behind `writ ci`. Errors are printed.
[[nodiscard]] Parsed<CiOptions> parse_ci_options(const TypedWords& typed);

// The layers that --prefer-isolation does without where the host lacks them. Never seccomp; and of view and Landlock
// one always stays required, because one of them must bound the files.
enum class CiView : std::uint8_t { kPossible, kImpossible };
[[nodiscard]] std::vector<Layer> ci_preferred_layers(CiView view);

// The words of `writ run` that `options` mean, without the command; `preferred` layers beside those of the options.
[[nodiscard]] std::vector<std::string> ci_run_words(const CiOptions& options, std::span<const Layer> preferred);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_OPTIONS_H_
