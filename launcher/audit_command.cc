#include "launcher/audit_command.h"

#include <array>
#include <ctime>
#include <string>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/policy/profile_values.h"
#include "launcher/audit_show.h"
#include "launcher/audit_verify.h"

namespace writ {
namespace {

constexpr std::string_view kFooter =
    "Without FILE it is the person's own log, ~/.local/state/writ/audit/audit.jsonl.\n"
    "\n"
    "Examples:\n"
    "  writ audit show --outcome deny --since 2h\n"
    "  writ audit tail -f\n"
    "  writ audit verify\n"
    "  writ audit export --run d49daaae > run.jsonl && writ audit verify run.jsonl\n";

// Which options a subcommand takes.
enum class Takes : std::uint8_t { kFilter, kFilterAndCount, kHead, kFilterAndFormat, kNothing };

struct Subcommand {
  CommandTitle title;
  Takes takes;
  std::string_view footer;
  int (*run)(const AuditOptions&);
};

constexpr auto kSubcommands = std::to_array<Subcommand>({
    {{"show", "Print records as a table, or as they are written"},
     Takes::kFilter,
     "Times are UTC. Examples:\n"
     "  writ audit show --event decision --outcome deny\n"
     "  writ audit show --run d49daaae --json\n"
     "  writ audit show --since 2026-11-29T05:00 --object /etc\n",
     run_audit_show},
    {{"tail", "Print the last records, and with -f those that come"},
     Takes::kFilterAndCount,
     "Examples:\n"
     "  writ audit tail\n"
     "  writ audit tail -f --outcome deny\n",
     run_audit_tail},
    {{"verify", "Look for records that were changed, removed, added or put elsewhere"},
     Takes::kHead,
     "The latest signed head is expected beside the log (FILE.head); --head names one that was kept elsewhere, or the\n"
     "hash of any record. Heads count that this installation signed, or whoever --key names.\n"
     "\n"
     "Exit status: 0 sound, 1 something was found, 125 the log cannot be read.\n"
     "\n"
     "Examples:\n"
     "  writ audit verify\n"
     "  writ audit verify run.jsonl --head kept.head --key 701d70bb…\n",
     run_audit_verify},
    {{"export", "Print the stretch of a log that holds the wanted records and the head that signs them"},
     Takes::kFilterAndFormat,
     "JSON lines can be verified elsewhere: all records between the first and the last wanted one are among them, and\n"
     "the next head. CSV has the wanted records only, and proves nothing.\n"
     "\n"
     "Examples:\n"
     "  writ audit export --since 2026-11-29 > day.jsonl\n"
     "  writ audit export --run d49daaae --format csv > run.csv\n",
     run_audit_export},
    {{"key", "Print the public key that signs heads of this installation"},
     Takes::kNothing,
     "Keep it, and heads, where nobody who can write the log can write.\n",
     run_audit_key},
});

// What is typed as a word and means something else.
struct TypedAuditOptions {
  bool json = false;
  bool follow = false;
  std::string count;
  std::string format;
};

void add_filter(CommandSpec& spec, AuditFilter& filter) {
  const std::vector<OptionSpec> options = {
      {"--run", "Records of this run: its id, or the beginning of it", "ID", &filter.run},
      {"--event", "Records of this event: start, decision, exit, …", "NAME", &filter.event},
      {"--outcome", "Records with this outcome: allow, deny, ask, …", "WORD", &filter.outcome},
      {"--subject", "Records of programs with this text in their path", "TEXT", &filter.subject},
      {"--object", "Records about something with this text in it", "TEXT", &filter.object},
      {"--since", "Not before this time: a beginning of 2026-11-29T05:35:39 (UTC), or 5m, 2h ago", "TIME",
       &filter.since},
      {"--until", "Not after this time", "TIME", &filter.until},
  };
  spec.options.insert(spec.options.end(), options.begin(), options.end());
}

void add_options(CommandSpec& spec, Takes takes, AuditOptions& options, TypedAuditOptions& words) {
  if (takes != Takes::kNothing)
    spec.options.push_back({"FILE", "The log, or the directory it is in", "", &options.files});
  if (takes == Takes::kHead) {
    spec.options.push_back({"--head", "A head that was kept, or the hash of a record", "FILE|HEX", &options.head});
    spec.options.push_back({"--key", "The public key of whoever signs", "FILE|HEX", &options.key});
  }
  if (takes == Takes::kFilter || takes == Takes::kFilterAndCount || takes == Takes::kFilterAndFormat)
    add_filter(spec, options.filter);
  if (takes == Takes::kFilterAndCount) {
    spec.options.push_back({"-f,--follow", "Go on with those that come", "", &words.follow});
    spec.options.push_back({"-n,--lines", "How many (10)", "NUMBER", &words.count});
  }
  if (takes == Takes::kFilterAndFormat)
    spec.options.push_back({"--format", "Form of the output", "jsonl|csv", &words.format});
  else
    spec.options.push_back({"--json", "Print JSON", "", &words.json});
}

Status read_times(AuditFilter& filter) {
  for (std::string* time : {&filter.since, &filter.until}) {
    if (time->empty()) continue;
    WRIT_ASSIGN(*time, parse_audit_time(*time, ::time(nullptr)));
  }
  return {};
}

Status apply(const TypedAuditOptions& words, AuditOptions& options) {
  if (words.json) options.format = OutputFormat::kJson;
  if (words.follow) options.following = Following::kYes;
  if (!words.count.empty()) {
    auto count = parse_count(words.count);
    if (!count) return fail("--lines: " + count.error().what);
    options.count = *count;
  }
  if (words.format == "csv") options.export_format = ExportFormat::kCsv;
  if (!words.format.empty() && words.format != "csv" && words.format != "jsonl")
    return fail("--format: " + quote_bytes(words.format, 80) + " is neither jsonl nor csv");
  WRIT_TRY(check_event_name(options.filter.event));
  if (options.files.size() > 1) return fail("expected one file, got " + std::to_string(options.files.size()));
  return read_times(options.filter);
}

Parsed<AuditOptions> parse_subcommand(const Subcommand& subcommand, std::span<const std::string> words) {
  AuditOptions options;
  options.run = subcommand.run;
  TypedAuditOptions typed;
  const std::string name(subcommand.title.name);
  CommandSpec spec{"writ audit " + name, subcommand.title.summary, subcommand.footer, {}};
  add_options(spec, subcommand.takes, options, typed);
  if (const auto read = read_words(spec, words); !read) return tl::unexpected(read.error());
  if (const Status applied = apply(typed, options); !applied)
    return tl::unexpected(usage_error("audit " + name + ": " + applied.error().describe(), spec.name));
  return options;
}

}  // namespace

Parsed<AuditOptions> parse_audit_options(const TypedWords& typed) {
  std::vector<std::string> words = typed.ours;
  // What follows "--" is a file as well, whatever it begins with.
  if (typed.separated) words.insert(words.end(), typed.command.begin(), typed.command.end());
  std::array<CommandTitle, kSubcommands.size()> titles;
  for (std::size_t i = 0; i < titles.size(); ++i) {
    titles[i] = kSubcommands[i].title;
    if (!words.empty() && words.front() == titles[i].name)
      return parse_subcommand(kSubcommands[i], std::span(words).subspan(1));
  }
  return tl::unexpected(
      answer_without_command({"writ audit", "Look at audit logs and verify them", kFooter, {}}, titles, words));
}

int run_audit_command(const AuditOptions& options) { return options.run(options); }

}  // namespace writ
