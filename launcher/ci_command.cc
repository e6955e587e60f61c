#include "launcher/ci_command.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>
#include <variant>

#include "broker/base/escape.h"
#include "broker/kernel/features.h"
#include "broker/sandbox/host_path.h"
#include "broker/sandbox/launch.h"
#include "launcher/ci_artifacts.h"
#include "launcher/ci_cache.h"
#include "launcher/ci_log.h"
#include "launcher/ci_masking.h"
#include "launcher/ci_output_files.h"
#include "launcher/ci_run.h"
#include "launcher/message.h"
#include "launcher/person.h"
#include "launcher/profile_reading.h"
#include "launcher/run_setup.h"

namespace writ {
namespace {

constexpr std::size_t kShownCommand = 200;

std::string variable_of_process(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string command_line_text(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command)
    text.append(text.empty() ? "" : " ").append(escape_bytes(word, kShownCommand));
  return text.size() > kShownCommand ? escape_bytes(text, kShownCommand) : text;
}

class CiJob {
 public:
  explicit CiJob(const CiOptions& options) : options_(options) {}

  int run();

 private:
  Status prepare();
  Status prepare_place();
  Status prepare_artifacts();
  void protect(const std::string& path);
  Status run_command();
  void judge(const CiRunResult& result);
  void read_report(const std::string& text);
  void collect();
  [[nodiscard]] std::vector<std::string> hidden_places() const;
  int finish();

  CiOptions options_;
  CiSystem system_ = CiSystem::kPlain;
  std::vector<Layer> preferred_;
  Person person_;
  std::string workspace_;
  UniqueFd workspace_directory_;
  CiSecrets secrets_;
  std::optional<CiOutputFiles> files_;
  std::optional<ArtifactPlace> place_;
  std::vector<PathGlob> globs_;
  std::optional<CiStreams> streams_;
  std::optional<CiLog> log_;
  JsonValue report_;  // as it came
  CiReportFacts facts_;
};

// What Writ writes there afterwards must not be the tool's to make, and what the CI system obeys is nobody's.
void CiJob::protect(const std::string& path) {
  if (path.empty() || path == "-") return;
  const std::filesystem::path absolute = std::filesystem::path(person_.current_directory) / path;
  options_.run.protect.push_back(absolute.lexically_normal().native());
}

Status CiJob::prepare_artifacts() {
  for (const std::string& text : options_.artifacts) {
    auto glob = PathGlob::parse(text);
    if (!glob) return fail("--artifact " + glob.error().what);
    globs_.push_back(std::move(*glob));
  }
  if (globs_.empty()) return {};
  WRIT_ASSIGN(ArtifactPlace place, open_artifact_place(options_.artifact_directory, workspace_));
  place_.emplace(std::move(place));
  protect(place_->path);
  return {};
}

Status CiJob::prepare_place() {
  WRIT_ASSIGN(person_, identify_person(::geteuid(), ::getegid()));
  WRIT_ASSIGN(workspace_, workspace_path(options_.run, person_));
  workspace_directory_.reset(::open(workspace_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!workspace_directory_.valid()) return fail_errno(errno, "cannot open the workspace " + quote_bytes(workspace_));
  WRIT_ASSIGN(CiOutputFiles files, CiOutputFiles::open(options_, system_, variable_of_process));
  files_.emplace(std::move(files));
  WRIT_TRY(prepare_artifacts());
  for (const std::string* path : {&options_.junit, &options_.sarif, &options_.json, &options_.summary}) protect(*path);
  for (const std::string& path : ci_command_files(system_, variable_of_process)) protect(path);
  WRIT_ASSIGN(options_.run.placed, prepare_ci_caches(options_, person_, workspace_));
  return {};
}

Status CiJob::prepare() {
  system_ = options_.system.value_or(detect_ci_system(variable_of_process));
  WRIT_ASSIGN(secrets_, read_ci_secrets(options_.masked, variable_of_process));
  WRIT_ASSIGN(CiStreams streams, CiStreams::arrange(system_, secrets_.mask));
  streams_.emplace(std::move(streams));
  log_.emplace(system_, options_.quiet ? CiLog::Volume::kQuiet : CiLog::Volume::kNormal, streams_->log, secrets_.mask);
  facts_.system = system_;
  facts_.fail_on = options_.fail_on;
  facts_.command = secrets_.mask.masked(command_line_text(options_.run.command));
  for (const CiCacheOption& cache : options_.caches) facts_.caches.push_back(cache.name);
  for (const std::string& name : options_.masked) facts_.masked.push_back(escape_bytes(name));
  for (const std::string& name : secrets_.unset)
    log_->annotate(
        {CiLevel::kWarning, "writ ci", "--mask " + name + ": the variable has no value; nothing to mask", "", 0});
  return prepare_place();
}

void CiJob::read_report(const std::string& text) {
  auto parsed = parse_json(text);
  if (!parsed) return;
  report_ = std::move(*parsed);
  if (auto findings = read_ci_findings(report_)) facts_.findings = std::move(*findings);
}

// What the view covered, by what the run itself reports; relative to the workspace.
std::vector<std::string> CiJob::hidden_places() const {
  std::vector<std::string> places;
  const auto* report = std::get_if<JsonObject>(&report_.storage());
  const JsonValue* grants = report == nullptr ? nullptr : report->find("grants");
  const auto* list = grants == nullptr ? nullptr : std::get_if<JsonArray>(&grants->storage());
  if (list == nullptr) return places;
  for (const JsonValue& element : list->elements()) {
    const auto* entry = std::get_if<JsonObject>(&element.storage());
    const JsonValue* kind = entry == nullptr ? nullptr : entry->find("kind");
    const JsonValue* path = entry == nullptr ? nullptr : entry->find("path");
    if (kind == nullptr || path == nullptr) continue;
    const auto* word = std::get_if<std::string>(&kind->storage());
    const auto* text = std::get_if<std::string>(&path->storage());
    const bool covered = word != nullptr && (*word == "hidden" || *word == "denied" || *word == "asked");
    if (!covered || text == nullptr) continue;
    const std::string bytes = unescaped_path(*text);
    if (bytes.starts_with(workspace_ + "/")) places.push_back(bytes.substr(workspace_.size() + 1));
  }
  return places;
}

void CiJob::collect() {
  if (!place_ || facts_.findings.outcome == "not_started") return;
  // Without a report nobody knows what was hidden from the tool.
  if (report_.storage().index() == 0) {
    facts_.problems.emplace_back("no artifact was collected: the run left no report");
    return;
  }
  ArtifactRequest request;
  request.workspace = workspace_directory_.get();
  request.place = &*place_;
  request.globs = globs_;
  request.hidden = hidden_places();
  ArtifactResult result = collect_artifacts(request);
  facts_.artifacts = std::move(result.artifacts);
  for (CiArtifact& artifact : facts_.artifacts) artifact.path = secrets_.mask.masked(artifact.path);
  facts_.artifact_directory = escape_bytes(place_->path);
  for (std::string& problem : result.problems) facts_.problems.push_back(secrets_.mask.masked(problem));
  for (const std::string& glob : result.unmatched)
    log_->annotate({CiLevel::kWarning, "artifact", "no file is named by --artifact " + glob, "", 0});
}

void CiJob::judge(const CiRunResult& result) {
  read_report(result.report);
  int status = result.exit_status;
  if (report_.storage().index() == 0 && status == 0) status = kExitWritFailed;
  facts_.verdict = judge_ci_run(status, facts_.findings, facts_.fail_on);
  for (std::string& reason : facts_.verdict.reasons) reason = secrets_.mask.masked(reason);
  mask_ci_findings(facts_.findings, secrets_.mask);
  facts_.run = secrets_.mask.empty() ? report_ : masked_json(report_, secrets_.mask);
}

Status CiJob::run_command() {
  std::vector<std::string> words = ci_run_words(options_, preferred_);
  words.emplace_back("--");
  words.insert(words.end(), options_.run.command.begin(), options_.run.command.end());
  log_->begin_output(facts_.command);
  auto result = run_for_ci(words, *streams_);
  const bool succeeded = result && result->exit_status == 0;
  log_->end_output(streams_->log_is_at_line_start(), succeeded ? CiGroupEnd::kSucceeded : CiGroupEnd::kFailed);
  if (!result) return tl::unexpected<Error>(std::move(result.error()));
  judge(*result);
  return {};
}

int CiJob::finish() {
  collect();
  CiVerdict& verdict = facts_.verdict;
  const auto note_problems = [&] {
    if (facts_.problems.empty() || verdict.kind == CiVerdictKind::kCommandFailed) return;
    if (verdict.kind != CiVerdictKind::kIncomplete)
      verdict.reasons.insert(verdict.reasons.begin(), facts_.problems.front());
    verdict.kind = CiVerdictKind::kIncomplete;
    verdict.exit_status = kExitWritFailed;
  };
  note_problems();
  for (Error& error : files_->write(facts_)) facts_.problems.push_back(secrets_.mask.masked(error.describe()));
  note_problems();
  log_->tell(facts_);
  return verdict.exit_status;
}

int CiJob::run() {
  // Before this process is non-dumpable: what the probes start could not write its identity maps then (prctl(2)).
  if (options_.prefer_isolation)
    preferred_ = ci_preferred_layers(probe_features().usable(Layer::kView) ? CiView::kPossible : CiView::kImpossible);
  // The secrets to mask are in this memory.
  (void)::prctl(PR_SET_DUMPABLE, 0);
  Status done = prepare();
  if (done) done = run_command();
  if (done) return finish();
  const std::string what = done.error().describe();
  if (log_)
    log_->annotate({CiLevel::kError, "writ ci", what, "", 0});
  else
    print_message(what);
  return kExitWritFailed;
}

}  // namespace

int run_ci_command(const CiOptions& options) { return CiJob(options).run(); }

}  // namespace writ
