#include "launcher/profile_schema_command.h"

namespace writ {
namespace {

struct EmbeddedText {
  std::string_view name;
  std::string_view text;
};

constexpr EmbeddedText kSchemas[] = {
#include "profile_schema.inc"
};

}  // namespace

std::string_view profile_schema_text() { return kSchemas[0].text; }

int run_profile_schema(const ProfileOptions&) { return print_result(profile_schema_text(), 0); }

}  // namespace writ
