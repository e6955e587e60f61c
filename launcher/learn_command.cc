#include "launcher/learn_command.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "broker/learning/observation_filter.h"
#include "broker/learning/profile_insertion.h"
#include "broker/observation/host_census.h"
#include "broker/observation/path_observer.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/yaml_document.h"
#include "launcher/learn_profile.h"
#include "launcher/learn_report.h"
#include "launcher/learn_view.h"
#include "launcher/message.h"
#include "launcher/profile_store.h"
#include "launcher/report_file.h"
#include "launcher/run_command.h"

namespace writ {
namespace {

constexpr std::size_t kShownCommand = 200;

std::string command_text(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command)
    text.append(text.empty() ? "" : " ").append(escape_bytes(word, kShownCommand));
  return text.size() > kShownCommand ? escape_bytes(text, kShownCommand) : text;
}

class Learning : public RunCompanion {
 public:
  explicit Learning(const LearnOptions& options) : options_(options) {}

  // Before the tool runs: afterwards it may have made the name mean something else.
  Status open_output();

  Status adjust(RunSetup& setup) override;
  Result<BpfProgram> listener_filter() override { return make_observation_filter(); }
  Status prepared(const PreparedLaunch& launch) override;
  void started(NotificationLoop& notifications, pid_t init) override;
  int finished(const RunOutcome& outcome) override;

 private:
  static Status bound_again(RunSetup& setup);
  Status protect(FilesystemPolicy& filesystem, const std::string& typed) const;
  Status write_profile(const Proposal& proposal);
  [[nodiscard]] ProfileTextOptions text_options() const;
  void print(const LearnFacts& facts) const;

  const LearnOptions& options_;
  std::optional<ReportFile> output_;
  std::string merged_text_;
  Person person_;
  LearningPlaces places_;
  ProposalOptions proposal_options_;
  std::optional<Profile> compared_with_;
  std::optional<AccessPolicy> policy_;
  std::optional<LearningRecord> record_;
  std::optional<PathObserver> observer_;
  ResourcePeaks peaks_;
};

Status Learning::open_output() {
  if (options_.output.empty()) return {};
  WRIT_ASSIGN(ReportFile file, ReportFile::open(options_.output));
  output_.emplace(std::move(file));
  if (options_.merge.empty()) return {};
  WRIT_ASSIGN(merged_text_, read_bounded_file(options_.merge, kYamlSizeLimit));
  return {};
}

// The profile of later runs must not be written by this one: where it lies in a tree that the tool may write, it is
// protected like any other file that outlives the run.
Status Learning::protect(FilesystemPolicy& filesystem, const std::string& typed) const {
  if (typed.empty() || typed == "-") return {};
  const std::filesystem::path absolute = std::filesystem::path(person_.current_directory) / typed;
  WRIT_ASSIGN(const std::string path, normalize_absolute_path(absolute.lexically_normal().native()));
  for (const PathGrant& grant : filesystem.grants)
    if (grant.access == PathAccess::kWrite && path.starts_with(grant.path + "/"))
      filesystem.protect.push_back(path.substr(grant.path.size() + 1));
  return {};
}

// What limits the profile limits the wide view as well: learning is no way around the administrator's ceiling.
Status Learning::bound_again(RunSetup& setup) {
  if (setup.bounds.empty()) return {};
  for (const Bound& bound : setup.bounds) setup.profile = meet(setup.profile, bound.profile, bound.name).profile;
  WRIT_ASSIGN(Lowering lowering, lower_rules(setup.profile));
  setup.profile = std::move(lowering.profile);
  return {};
}

Status Learning::adjust(RunSetup& setup) {
  person_ = setup.person;
  places_ = learning_places(person_, setup.workspace);
  const LearnProfileContext context{person_, setup.workspace};
  WRIT_ASSIGN(Profile compared, options_.merge.empty() ? load_learn_profile(context, options_.run.profile)
                                                       : load_learn_text(context, options_.merge, merged_text_));
  // The sandbox's own home would count as a grant of the real one, whose files are what is learned about.
  compared.home.clear();
  WRIT_ASSIGN(proposal_options_.groups, runtime_groups(context));
  if (options_.names_profile) proposal_options_.extends = options_.run.profile;
  proposal_options_.network = setup.profile.network;
  for (const PathGrant& grant : setup.profile.filesystem.grants)
    if (grant.access == PathAccess::kWrite && !grants_writing(compared, grant.path))
      proposal_options_.writable.push_back(grant.path);
  policy_.emplace(AccessPolicy::compile(compared));
  compared_with_.emplace(std::move(compared));
  record_.emplace(places_, *policy_);
  observer_.emplace(*record_, ObservedIdentity{setup.identity.map.outside_uid, setup.identity.map.outside_gid});
  // Ruled commands run like any other here: what a command may do is not what is learned about.
  setup.profile.commands.clear();
  // One listener observes; writing is native, with the guard, because nobody is there to perform it.
  setup.profile.filesystem.writing = Writing::kNative;
  widen_for_learning(setup.profile, person_, setup.workspace, options_.mode);
  WRIT_TRY(bound_again(setup));
  WRIT_TRY(protect(setup.profile.filesystem, options_.output));
  return protect(setup.profile.filesystem, options_.merge);
}

Status Learning::prepared(const PreparedLaunch& launch) {
  return observer_->note_first_program(launch.view.root.get(), {launch.program.path, launch.program.executable_path});
}

void Learning::started(NotificationLoop& notifications, pid_t init) {
  for (const TrappedCall& call : observed_calls()) notifications.add_handler(call.number, *observer_);
  observer_->begin(init);
}

ProfileTextOptions Learning::text_options() const {
  return {profile_name_for(options_.output), command_text(options_.run.command), peaks_,
          address_lines(record_->addresses())};
}

Status Learning::write_profile(const Proposal& proposal) {
  std::string text;
  if (options_.merge.empty()) {
    text = profile_text(proposal, places_, text_options());
  } else {
    const std::string mark = "by `writ learn` from: " + command_text(options_.run.command);
    WRIT_ASSIGN(text, insert_into_profile(options_.merge, merged_text_, proposal, places_, mark));
  }
  const LearnProfileContext context{person_, places_.workspace};
  const std::string* before = options_.merge.empty() ? nullptr : &merged_text_;
  WRIT_TRY(check_learned_text(context, options_.output, text, proposal, before));
  return output_->write(text);
}

void Learning::print(const LearnFacts& facts) const {
  if (options_.json)
    (void)write_patiently(STDERR_FILENO, learn_json(facts).to_text(2) + "\n", kLearnPatience);
  else if (options_.run.verbosity == Verbosity::kNormal)
    (void)write_patiently(
        STDERR_FILENO,
        "writ: learned from " + std::to_string(record_->sightings()) + " uses of paths\n" + learn_text(facts),
        kLearnPatience);
}

int Learning::finished(const RunOutcome& outcome) {
  observer_->end();
  peaks_ = observer_->peaks();
  peaks_.wall_time = std::chrono::duration_cast<std::chrono::milliseconds>(outcome.wall_time);
  peaks_.memory = static_cast<std::uint64_t>(outcome.usage.ru_maxrss) * 1024;
  const HostCensus census;
  LearnFacts facts;
  facts.record = &*record_;
  facts.compared_with = escape_bytes(compared_with_->name);
  facts.peaks = peaks_;
  facts.exit_status = outcome.exit_status;
  rusage own{};
  if (::getrusage(RUSAGE_SELF, &own) == 0) facts.broker_memory_kib = static_cast<std::uint64_t>(own.ru_maxrss);
  if (options_.names_profile || !options_.merge.empty()) facts.usage = grant_usage(*record_, census);
  std::optional<Proposal> proposal;
  if (options_.mode == LearnMode::kPermissive) {
    facts.denials = denials_of(*record_);
  } else {
    proposal = propose(*record_, census, proposal_options_);
    facts.proposal = &*proposal;
    if (const Status written = write_profile(*proposal); !written) {
      print_message(written.error().describe());
      return kExitWritFailed;
    }
    facts.output = escape_bytes(options_.output);
  }
  print(facts);
  return outcome.exit_status;
}

}  // namespace

int run_learn_command(const LearnOptions& options, BrokerStart broker, const CeilingFile& ceiling) {
  Learning learning(options);
  if (const Status opened = learning.open_output(); !opened) {
    print_message(opened.error().describe());
    return kExitWritFailed;
  }
  return run_run_command(options.run, std::move(broker), ceiling, &learning);
}

}  // namespace writ
