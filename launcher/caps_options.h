// The command line of `writ caps …`, after parsing. Plain data.
#ifndef WRIT_LAUNCHER_CAPS_OPTIONS_H_
#define WRIT_LAUNCHER_CAPS_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "broker/authority/live_grants.h"
#include "launcher/standard_output.h"

namespace writ {

enum class ListedCapabilities : std::uint8_t {
  kUsable,  // those that count now
  kAll,     // also what was revoked, used up or has expired
};

struct CapsOptions {
  int (*run)(const CapsOptions&) = nullptr;  // the subcommand that was asked for
  std::vector<std::string> words;            // what it is about, in the order of its help
  std::vector<std::string> command;          // behind --: the arguments that explain is asked about
  std::string acting_as;                     // --as; empty: the person
  std::string subject;                       // --to, --subject
  std::vector<std::string> rights;
  std::string effect;
  std::string uses;
  std::string expires;
  std::string depth;
  std::string constraints;  // a file
  std::string reason;
  std::string operation;
  bool delegable = false;
  HolderFate holders = HolderFate::kListed;  // of what was given by a revoked capability
  ListedCapabilities listed = ListedCapabilities::kUsable;
  OutputFormat format = OutputFormat::kText;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_CAPS_OPTIONS_H_
