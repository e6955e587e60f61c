#include "launcher/ci_options.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/policy/layer.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "Everything after -- is the program and its arguments. It runs as under `writ run`; its exit status is that of "
    "the\n"
    "step. What was denied, which limits were reached and which layers were missing becomes a verdict, annotations "
    "and\n"
    "reports.\n"
    "\n"
    "Exit status: the program's, or 124 to 127 as of `writ run`. When the program succeeded: 123 for what --fail-on\n"
    "names; 125 when a report or an artifact could not be written.\n"
    "\n"
    "Examples:\n"
    "  writ ci --profile build -- make -j2 check\n"
    "  writ ci --profile build --junit writ.xml --sarif writ.sarif --artifact 'dist/**' -- make dist\n"
    "  writ ci --env DEPLOY_TOKEN --mask DEPLOY_TOKEN -- ./deploy.sh --dry-run\n"
    "  writ ci --profile node --cache npm=~/.npm -- npm ci --offline\n"
    "  writ ci --prefer-isolation --fail-on deny,degraded -- ./check.sh\n";

constexpr std::string_view kCommand = "writ ci";

tl::unexpected<CommandLineDone> misused(const std::string& message) {
  return tl::unexpected(usage_error("ci: " + message, kCommand));
}

// What is typed as a word and means something else.
struct CiWords {
  std::string system;
  std::vector<std::string> fail_on;
  std::vector<std::string> caches;
};

std::vector<OptionSpec> ci_specs(CiOptions& options, CiWords& words) {
  return {
      {"-e,--env", "Pass an environment variable on, or set it", "NAME[=VALUE]", &options.run.environment},
      {"--mask", "Replace the value of this environment variable, and its usual encodings, by *** in all output",
       "NAME", &options.masked},
      {"--cache", "A directory that is kept for later runs, at PATH for this one", "NAME=PATH", &words.caches},
      {"--cache-root", "Where caches are kept (default: writ/ci in the person's cache directory)", "DIR",
       &options.cache_root},
      {"--artifact", "Collect these files of the workspace afterwards; ** is any number of directories", "GLOB",
       &options.artifacts},
      {"--artifact-dir", "Where they are collected: empty or new (default: writ-artifacts)", "DIR",
       &options.artifact_directory},
      {"--fail-on",
       "Fail, although the program succeeded, when something was denied, a limit was reached, a layer was "
       "missing (default: deny,limit)",
       "deny|limit|degraded|none", &words.fail_on},
      {"--junit", "Write the verdict as JUnit XML", "FILE", &options.junit},
      {"--sarif", "Write what was denied as SARIF 2.1.0", "FILE", &options.sarif},
      {"--json", "Write verdict and run report as JSON", "FILE", &options.json},
      {"--summary", "Write a summary in Markdown (on GitHub Actions it is added to the job's own without this)", "FILE",
       &options.summary},
      {"--system", "Write for this CI system instead of the one that is found", "NAME", &words.system},
      {"--prefer-isolation", "Go on without the layers of isolation that this host lacks, and say so", "",
       &options.prefer_isolation},
  };
}

CommandSpec ci_spec(CiOptions& options, CiWords& words, bool& explain) {
  CommandSpec spec{std::string(kCommand), "Run a step of a CI job in a sandbox, with a verdict", kFooter, {}};
  spec.options = {{"-p,--profile", "Profile by name, or a file", "NAME|FILE", &options.run.profile}};
  const auto add = [&](const std::vector<OptionSpec>& more) {
    spec.options.insert(spec.options.end(), more.begin(), more.end());
  };
  add(grant_option_specs(options.run));
  add(ci_specs(options, words));
  add({{"--chdir", "Start in this directory of the sandbox instead of the workspace", "DIR",
        &options.run.start_directory},
       {"-t,--timeout", "End everything after this time (500ms, 60s, 5m, 2h)", "DURATION", &options.run.timeout},
       {"--limit", "A limit of the whole sandbox, as in the limits of a profile (memory=2G, cpus=1.5)", "NAME=VALUE",
        &options.run.limits},
       {"--prefer", "Go on without this layer of isolation if the host lacks it", "LAYER",
        &options.run.preferred_layers},
       {"--approve", "Who answers what a rule wants asked (default: nobody)", "deny|queue|FILE|command:PATH",
        &options.run.approve},
       {"--subject", "Whose capabilities count in this run, for example agent:builder", "SUBJECT",
        &options.run.subject},
       {"--audit", "Write the audit log of this run to FILE instead of the person's own; none: write none", "FILE|none",
        &options.run.audit},
       {"--explain", "Find out what the program looks for in vain because the policy keeps it away; slower", "",
        &explain},
       {"-q,--quiet", "Nothing in the log but errors and a verdict that fails the step", "", &options.quiet}});
  return spec;
}

Parsed<void> read_fail_on(const std::vector<std::string>& typed, CiFailOn& fail_on) {
  fail_on = {typed.empty(), typed.empty(), false};
  bool none = false;
  for (const std::string& list : typed)
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = std::min(list.find(',', begin), list.size());
      const std::string word = list.substr(begin, end - begin);
      begin = end + 1;
      if (word == "deny")
        fail_on.denied = true;
      else if (word == "limit")
        fail_on.limited = true;
      else if (word == "degraded")
        fail_on.degraded = true;
      else if (word == "none")
        none = true;
      else
        return misused("--fail-on: " + quote_bytes(word) + " is none of deny, limit, degraded, none");
    }
  if (none && (fail_on.denied || fail_on.limited || fail_on.degraded)) return misused("--fail-on: none stands alone");
  return {};
}

bool is_cache_name(std::string_view name) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= 64 && name.front() != '.' && name.front() != '-' &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Parsed<void> read_caches(const std::vector<std::string>& typed, std::vector<CiCacheOption>& caches) {
  for (const std::string& word : typed) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals + 1 == word.size())
      return misused("--cache: " + quote_bytes(word) + " is not NAME=PATH");
    CiCacheOption cache{word.substr(0, equals), word.substr(equals + 1)};
    if (!is_cache_name(cache.name))
      return misused("--cache: " + quote_bytes(cache.name) +
                     " is no name: letters, digits, '.', '_', '-', at most 64 of them");
    const auto clashes = [&](const CiCacheOption& other) {
      return other.name == cache.name || other.path == cache.path;
    };
    if (std::any_of(caches.begin(), caches.end(), clashes))
      return misused("--cache: name or path of " + quote_bytes(word) + " is used twice");
    caches.push_back(std::move(cache));
  }
  return {};
}

Parsed<void> read_system(const std::string& typed, std::optional<CiSystem>& system) {
  if (typed.empty() || typed == "auto") return {};
  system = ci_system_from_name(typed);
  if (system) return {};
  return misused("--system: there is no CI system " + quote_bytes(typed) + did_you_mean(typed, ci_system_names()));
}

Parsed<void> check(const CiOptions& options) {
  if (options.run.command.empty())
    return misused("the program to run is missing; write it after --, as in: writ ci -- make check");
  for (const std::string& name : options.masked)
    if (name.empty() || name.find('=') != std::string::npos)
      return misused("--mask: names an environment variable, whose value is the secret; " + quote_bytes(name) +
                     " is no name");
  if (options.run.approve == "ask") return misused("--approve: in a CI job there is nobody to be asked");
  return {};
}

}  // namespace

Parsed<CiOptions> parse_ci_options(const TypedWords& typed) {
  CiOptions options;
  options.run.approve = "deny";
  CiWords words;
  bool explain = false;
  const CommandSpec spec = ci_spec(options, words, explain);
  if (const auto read = read_words(spec, typed.ours); !read) return tl::unexpected(read.error());
  if (const auto read = read_fail_on(words.fail_on, options.fail_on); !read) return tl::unexpected(read.error());
  if (const auto read = read_caches(words.caches, options.caches); !read) return tl::unexpected(read.error());
  if (const auto read = read_system(words.system, options.system); !read) return tl::unexpected(read.error());
  options.run.explain = explain ? Explain::kDenials : Explain::kOff;
  options.run.command = typed.command;
  if (const auto checked = check(options); !checked) return tl::unexpected(checked.error());
  return options;
}

std::vector<std::string> ci_run_words(const CiOptions& options, std::span<const Layer> preferred) {
  const RunOptions& run = options.run;
  // In one word each: a value that begins with a dash stays a value. What the run would say is said here.
  std::vector<std::string> words = {"--quiet", "--profile=" + run.profile, "--approve=" + run.approve};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) words.push_back(std::string(name).append("=").append(value));
  };
  const auto add_all = [&](const char* name, const std::vector<std::string>& values) {
    for (const std::string& value : values) add(name, value);
  };
  add("--workspace", run.workspace);
  add("--chdir", run.start_directory);
  add("--timeout", run.timeout);
  add("--network", run.network);
  add("--subject", run.subject);
  add("--audit", run.audit);
  add_all("--read", run.read);
  add_all("--write", run.write);
  add_all("--manifest", run.manifests);
  add_all("--env", run.environment);
  add_all("--limit", run.limits);
  add_all("--prefer", run.preferred_layers);
  add_all("--protect", run.protect);
  add_all("--placed", run.placed);
  if (run.explain == Explain::kDenials) words.emplace_back("--explain");
  for (const Layer layer : preferred) words.push_back(std::string("--prefer=").append(layer_name(layer)));
  return words;
}

std::vector<Layer> ci_preferred_layers(CiView view) {
  std::vector<Layer> layers;
  for (const LayerName& entry : kLayerNames) {
    const Layer bounds_files = view == CiView::kPossible ? Layer::kView : Layer::kLandlock;
    if (entry.layer != Layer::kSeccomp && entry.layer != bounds_files) layers.push_back(entry.layer);
  }
  return layers;
}

}  // namespace writ
