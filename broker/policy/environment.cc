#include "broker/policy/environment.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::size_t kLongestEnvironmentName = 255;

// Exact names come before the prefixes that would cover them.
constexpr auto kInjectionVariables = std::to_array<InjectionVariable>({
    // Dynamic loader and libc: reach every program.
    {"LD_LIBRARY_PATH", Injection::kSettable, "libraries are loaded from other directories"},
    {"LD_*", Injection::kNever, "the dynamic loader loads foreign libraries or writes files"},
    {"GLIBC_TUNABLES", Injection::kNever, "changes the behaviour of libc in every program (CVE-2023-4911)"},
    {"GCONV_PATH", Injection::kNever, "libc loads character converters from other directories"},
    {"GETCONF_DIR", Injection::kNever, "libc runs programs from another directory"},
    {"MALLOC_*", Injection::kSettable, "changes the allocator, can make it write files"},
    {"LOCPATH", Injection::kSettable, "libc reads locale data from other directories"},
    {"NLSPATH", Injection::kSettable, "libc reads message formats from other directories"},
    {"TZDIR", Injection::kSettable, "libc reads time zones from another directory"},
    {"HOSTALIASES", Injection::kSettable, "the resolver reads any file and shows its lines"},
    {"LOCALDOMAIN", Injection::kSettable, "redirects host names"},
    {"RES_OPTIONS", Injection::kSettable, "changes how host names are resolved"},
    {"RESOLV_*", Injection::kSettable, "changes how host names are resolved"},
    // Shells: run at the start of each script, also of those that other programs start.
    {"BASH_ENV", Injection::kNever, "bash runs this file before each script"},
    {"ENV", Injection::kNever, "sh runs this file when it starts"},
    {"BASH_FUNC_*", Injection::kNever, "bash takes functions from it (CVE-2014-6271)"},
    {"SHELLOPTS", Injection::kNever, "switches shell options on in each script"},
    {"BASHOPTS", Injection::kNever, "switches shell options on in each script"},
    {"PS4", Injection::kNever, "bash evaluates it while tracing"},
    {"PROMPT_COMMAND", Injection::kNever, "bash runs it before each prompt"},
    {"ZDOTDIR", Injection::kSettable, "zsh reads its start files from there"},
    {"CDPATH", Injection::kSettable, "cd in scripts goes elsewhere"},
    {"GLOBIGNORE", Injection::kSettable, "changes what patterns match in scripts"},
    {"IFS", Injection::kNever, "changes how scripts split words"},
    // Interpreters.
    {"PYTHONSTARTUP", Injection::kNever, "python runs this file when it starts interactively"},
    {"PYTHONINSPECT", Injection::kNever, "python reads commands after the script has ended"},
    {"PYTHONBREAKPOINT", Injection::kNever, "python imports and calls what it names"},
    {"PYTHONWARNINGS", Injection::kSettable, "python imports the modules that it names"},
    {"PYTHONPATH", Injection::kSettable, "python imports modules from there first"},
    {"PYTHONHOME", Injection::kSettable, "python takes its whole library from there"},
    {"PYTHONPLATLIBDIR", Injection::kSettable, "python takes its library from there"},
    {"PYTHONUSERBASE", Injection::kSettable, "python imports modules from there"},
    {"PYTHONEXECUTABLE", Injection::kSettable, "python takes another program for itself"},
    {"PYTHONPYCACHEPREFIX", Injection::kSettable, "python loads compiled code from there"},
    {"NODE_OPTIONS", Injection::kSettable, "node loads modules or opens a debugger port"},
    {"NODE_PATH", Injection::kSettable, "node loads modules from there"},
    {"NODE_REPL_EXTERNAL_MODULE", Injection::kNever, "node runs this module as its prompt"},
    {"PERL5OPT", Injection::kSettable, "perl takes options, such as modules to load"},
    {"PERL5LIB", Injection::kSettable, "perl loads modules from there first"},
    {"PERLLIB", Injection::kSettable, "perl loads modules from there first"},
    {"PERL5DB", Injection::kNever, "perl runs it when it debugs"},
    {"RUBYOPT", Injection::kSettable, "ruby takes options, such as files to load"},
    {"RUBYLIB", Injection::kSettable, "ruby loads files from there first"},
    {"BUNDLE_GEMFILE", Injection::kSettable, "bundler evaluates this file"},
    {"LUA_INIT*", Injection::kNever, "lua runs it when it starts"},
    {"LUA_PATH*", Injection::kSettable, "lua loads modules from there"},
    {"LUA_CPATH*", Injection::kSettable, "lua loads native modules from there"},
    {"PHPRC", Injection::kSettable, "php reads its settings from there"},
    {"PHP_INI_SCAN_DIR", Injection::kSettable, "php reads its settings from there"},
    {"R_PROFILE*", Injection::kSettable, "R runs this file when it starts"},
    {"R_ENVIRON*", Injection::kSettable, "R reads variables from this file"},
    {"JULIA_LOAD_PATH", Injection::kSettable, "julia loads modules from there"},
    {"ERL_*", Injection::kSettable, "erlang takes options, such as code to run"},
    {"JAVA_TOOL_OPTIONS", Injection::kSettable, "each Java machine takes options, such as agents to load"},
    {"_JAVA_OPTIONS", Injection::kSettable, "each Java machine takes options, such as agents to load"},
    {"JDK_JAVA_OPTIONS", Injection::kSettable, "java takes options, such as agents to load"},
    {"CLASSPATH", Injection::kSettable, "java loads classes from there"},
    {"MAVEN_OPTS", Injection::kSettable, "maven passes it to java"},
    {"GRADLE_OPTS", Injection::kSettable, "gradle passes it to java"},
    {"DOTNET_STARTUP_HOOKS", Injection::kNever, ".NET loads and runs these assemblies"},
    {"CORECLR_*", Injection::kNever, ".NET loads a profiler library"},
    {"COR_*", Injection::kNever, ".NET loads a profiler library"},
    // Build tools.
    {"MAKEFLAGS", Injection::kSettable, "make takes options, such as text to evaluate"},
    {"GNUMAKEFLAGS", Injection::kSettable, "make takes options, such as text to evaluate"},
    {"MAKEFILES", Injection::kSettable, "make reads these files first"},
    {"MFLAGS", Injection::kSettable, "make takes options"},
    {"GCC_EXEC_PREFIX", Injection::kSettable, "gcc runs its parts from there"},
    {"COMPILER_PATH", Injection::kSettable, "gcc runs its parts from there"},
    {"RUSTC_WRAPPER", Injection::kSettable, "cargo runs it in place of the compiler"},
    {"RUSTC_WORKSPACE_WRAPPER", Injection::kSettable, "cargo runs it in place of the compiler"},
    {"CCACHE_PREFIX*", Injection::kSettable, "ccache runs it in front of the compiler"},
    {"CMAKE_TOOLCHAIN_FILE", Injection::kSettable, "cmake evaluates this file"},
    // git: each of these names a command or another configuration.
    {"GIT_SSH", Injection::kSettable, "git runs it to connect"},
    {"GIT_SSH_COMMAND", Injection::kSettable, "git runs it to connect"},
    {"GIT_PROXY_COMMAND", Injection::kSettable, "git runs it to connect"},
    {"GIT_ASKPASS", Injection::kSettable, "git runs it to ask for passwords"},
    {"SSH_ASKPASS", Injection::kSettable, "ssh and git run it to ask for passwords"},
    {"GIT_EXTERNAL_DIFF", Injection::kSettable, "git runs it to show differences"},
    {"GIT_PAGER", Injection::kSettable, "git runs it to show output"},
    {"GIT_EDITOR", Injection::kSettable, "git runs it to edit messages"},
    {"GIT_SEQUENCE_EDITOR", Injection::kSettable, "git runs it to edit a rebase"},
    {"GIT_EXEC_PATH", Injection::kSettable, "git runs its parts from there"},
    {"GIT_TEMPLATE_DIR", Injection::kSettable, "git copies hooks from there"},
    {"GIT_CONFIG*", Injection::kSettable, "git takes configuration, such as commands to run"},
    {"GIT_DIR", Injection::kSettable, "git works on another repository with its hooks"},
    {"GIT_COMMON_DIR", Injection::kSettable, "git works on another repository with its hooks"},
    {"GIT_WORK_TREE", Injection::kSettable, "git writes to another tree"},
    {"GIT_INDEX_FILE", Injection::kSettable, "git writes to another index"},
    {"GIT_OBJECT_DIRECTORY", Injection::kSettable, "git writes to another repository"},
    {"GIT_ALTERNATE_OBJECT_DIRECTORIES", Injection::kSettable, "git reads other repositories"},
    {"GIT_TRACE*", Injection::kSettable, "git writes its log to files"},
    // Programs that other programs start.
    {"PAGER", Injection::kSettable, "programs run it to show output"},
    {"MANPAGER", Injection::kSettable, "man runs it"},
    {"LESSOPEN", Injection::kNever, "less runs it on each file"},
    {"LESSCLOSE", Injection::kNever, "less runs it on each file"},
    {"LESSKEY*", Injection::kSettable, "less reads commands from it"},
    {"EDITOR", Injection::kSettable, "programs run it to edit"},
    {"VISUAL", Injection::kSettable, "programs run it to edit"},
    {"FCEDIT", Injection::kSettable, "shells run it to edit"},
    {"BROWSER", Injection::kSettable, "programs run it to show pages"},
    {"TAR_OPTIONS", Injection::kSettable, "tar takes options, such as commands to run"},
    {"VIMINIT", Injection::kSettable, "vim runs it when it starts"},
    {"EXINIT", Injection::kSettable, "vi runs it when it starts"},
    {"INPUTRC", Injection::kSettable, "readline binds keys to text"},
    {"TERMINFO*", Injection::kSettable, "programs read terminal descriptions from there"},
    {"TERMCAP", Injection::kSettable, "programs read terminal descriptions from it"},
    // Certificates and modules of libraries.
    {"OPENSSL_CONF", Injection::kSettable, "OpenSSL loads modules that it names"},
    {"OPENSSL_MODULES", Injection::kSettable, "OpenSSL loads modules from there"},
    {"OPENSSL_ENGINES", Injection::kSettable, "OpenSSL loads modules from there"},
    {"SSLKEYLOGFILE", Injection::kNever, "libraries write session keys to this file"},
    {"GTK_MODULES", Injection::kSettable, "GTK loads these libraries"},
    {"GTK_PATH", Injection::kSettable, "GTK loads libraries from there"},
    {"GIO_EXTRA_MODULES", Injection::kSettable, "GLib loads libraries from there"},
    {"QT_PLUGIN_PATH", Injection::kSettable, "Qt loads libraries from there"},
    {"KRB5_CONFIG", Injection::kSettable, "Kerberos loads modules that it names"},
    // Paths of the host that do not exist in the view.
    {"TMPDIR", Injection::kSettable, "names a directory of the host; the tool has a /tmp of its own"},
    {"TMP", Injection::kSettable, "names a directory of the host; the tool has a /tmp of its own"},
    {"TEMP", Injection::kSettable, "names a directory of the host; the tool has a /tmp of its own"},
    {"OLDPWD", Injection::kSettable, "names a directory of the host"},
    {"PWD", Injection::kSettable, "is set by the launcher when the working directory is known"},
});

// Parts of names that hold secrets; compared in upper case.
constexpr auto kSecretParts = std::to_array<std::string_view>({
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "SESSION_ID",
    "COOKIE",
});
constexpr auto kSecretEndings =
    std::to_array<std::string_view>({"_KEY", "_PAT", "_AUTH", "_PASS", "_PW", "_PWD", "_DSN", "_CREDS", "_SALT"});
constexpr auto kSecretBeginnings = std::to_array<std::string_view>({
    "AWS_",        "AZURE_",
    "ARM_",        "GOOGLE_",
    "GCP_",        "GCLOUD_",
    "CLOUDSDK_",   "DIGITALOCEAN_",
    "CLOUDFLARE_", "VAULT_",
    "OPENAI_",     "ANTHROPIC_",
    "GITHUB_",     "GH_",
    "GITLAB_",     "CI_JOB_",
    "ACTIONS_",    "KUBE",
    "DOCKER_",     "TF_VAR_",
    "SOPS_",       "NPM_CONFIG__AUTH",
    "TWINE_",      "OP_SESSION",
    "PGPASS",      "SSH_",
    "GPG_",        "DBUS_",
});
constexpr auto kSecretNames = std::to_array<std::string_view>(
    {"DATABASE_URL", "REDIS_URL", "MONGODB_URI", "AMQP_URL", "SENTRY_DSN", "NETRC", "XAUTHORITY", "BW_SESSION"});

std::string upper_case(std::string_view text) {
  std::string upper(text);
  // Not toupper(3): its result depends on the locale.
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return upper;
}

template <class Range, class Predicate>
bool any_of(const Range& range, Predicate predicate) {
  return std::any_of(std::begin(range), std::end(range), predicate);
}

bool is_pattern(std::string_view entry) { return entry.ends_with('*'); }

bool matches(std::string_view entry, std::string_view name) {
  if (!is_pattern(entry)) return entry == name;
  return name.starts_with(entry.substr(0, entry.size() - 1));
}

tl::unexpected<Error> refuse_variable(std::string_view name, std::string_view verb, std::string_view reason) {
  return fail("the variable " + quote_bytes(name, 80) + " is never " + std::string(verb) + ": " + std::string(reason));
}

// A pattern that would only ever match variables which are scrubbed is a mistake worth a message.
Status check_passed_pattern(std::string_view pattern) {
  const std::string_view prefix = pattern.substr(0, pattern.size() - 1);
  if (!is_environment_name(prefix) || prefix.size() < 2 || !prefix.ends_with('_'))
    return fail("the pattern " + quote_bytes(pattern, 80) + " is refused: write a name, or a prefix that ends in '_*'");
  if (const InjectionVariable* variable = find_injection_variable(prefix))
    return refuse_variable(pattern, "passed on", variable->reason);
  return {};
}

using Environment = std::map<std::string, std::string, std::less<>>;

// The rarest comes first: most variables of a host are passed on by no entry.
bool is_passed(const EnvironmentPolicy& policy, std::string_view name) {
  const bool named = any_of(policy.pass, [&](std::string_view entry) {
    return matches(entry, name) && !(is_pattern(entry) && is_secret_name(name));
  });
  return named && find_injection_variable(name) == nullptr;
}

Status add_host_entry(const EnvironmentPolicy& policy, std::string_view entry, Environment& environment) {
  const std::size_t equals = entry.find('=');
  if (equals == std::string_view::npos) return {};
  const std::string_view name = entry.substr(0, equals);
  if (!is_environment_name(name) || !is_passed(policy, name)) return {};
  const std::string_view value = entry.substr(equals + 1);
  if (value.find('\0') != std::string_view::npos)
    return fail("the value of the variable " + quote_bytes(name, 80) + " holds a NUL byte");
  environment.emplace(name, value);  // keeps the first of two, as getenv(3) does
  return {};
}

Status set_all(std::span<const std::pair<std::string, std::string>> settings, Environment& environment) {
  for (const auto& [name, value] : settings) {
    WRIT_TRY(check_set_name(name));
    if (value.find('\0') != std::string::npos)
      return fail("the value of the variable " + quote_bytes(name, 80) + " holds a NUL byte");
    environment.insert_or_assign(name, value);
  }
  return {};
}

}  // namespace

std::span<const InjectionVariable> injection_variables() { return kInjectionVariables; }

const InjectionVariable* find_injection_variable(std::string_view name) {
  if (name.empty()) return nullptr;
  for (const InjectionVariable& variable : kInjectionVariables)
    // No name is a mere "*", so the first byte already tells most of them apart.
    if (variable.name.front() == name.front() && matches(variable.name, name)) return &variable;
  return nullptr;
}

bool is_secret_name(std::string_view name) {
  const std::string upper = upper_case(name);
  return any_of(kSecretParts, [&](std::string_view part) { return upper.find(part) != std::string::npos; }) ||
         any_of(kSecretEndings, [&](std::string_view ending) { return upper.ends_with(ending); }) ||
         any_of(kSecretBeginnings, [&](std::string_view beginning) { return upper.starts_with(beginning); }) ||
         any_of(kSecretNames, [&](std::string_view known) { return upper == known; });
}

bool is_environment_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (name.empty() || name.size() > kLongestEnvironmentName || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), allowed);
}

Status check_passed_name(std::string_view name_or_prefix) {
  if (is_pattern(name_or_prefix)) return check_passed_pattern(name_or_prefix);
  if (!is_environment_name(name_or_prefix))
    return fail(quote_bytes(name_or_prefix, 80) + " is not the name of an environment variable");
  if (const InjectionVariable* variable = find_injection_variable(name_or_prefix))
    return refuse_variable(name_or_prefix, "passed on", variable->reason);
  return {};
}

Status check_set_name(std::string_view name) {
  if (!is_environment_name(name)) return fail(quote_bytes(name, 80) + " is not the name of an environment variable");
  const InjectionVariable* variable = find_injection_variable(name);
  if (variable != nullptr && variable->injection == Injection::kNever)
    return refuse_variable(name, "set", variable->reason);
  return {};
}

Result<std::vector<std::string>> build_environment(const EnvironmentPolicy& policy, std::span<const std::string> host,
                                                   std::span<const std::pair<std::string, std::string>> extra) {
  for (const std::string& entry : policy.pass) WRIT_TRY(check_passed_name(entry));
  Environment environment;
  for (const std::string& entry : host) WRIT_TRY(add_host_entry(policy, entry, environment));
  WRIT_TRY(set_all(policy.set, environment));
  WRIT_TRY(set_all(extra, environment));
  std::vector<std::string> entries;
  entries.reserve(environment.size());
  for (const auto& [name, value] : environment) entries.push_back(name + "=" + value);
  return entries;
}

}  // namespace writ
