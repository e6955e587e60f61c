#include "launcher/mechanism_words.h"

namespace writ {
namespace {

struct MechanismWords {
  std::string_view name;
  std::string_view cost;
};

constexpr std::string_view kOneMount = "one mount at the start, nothing for each access";

// In the order of Mechanism.
constexpr auto kMechanisms = std::to_array<MechanismWords>({
    {"read_only_mount", kOneMount},
    {"writable_mount", kOneMount},
    {"not_in_view", "nothing"},
    {"covered", kOneMount},
    {"read_only_cover", kOneMount},
    {"quarantine", "a watch on its directory after the first 100 ms; a new name exists for a moment"},
    {"no_execute_mount", kOneMount},
    {"network_namespace", "made beside other work, nothing for each connection"},
    {"separate_sandbox", "one more launch, some milliseconds, each time the command runs"},
    {"not_in_force", "nothing: denied"},
    {"host_network", "nothing"},
    {"on_behalf", "some 0.1 ms for each connection, nothing for what is sent"},
    {"asked", "the time in which somebody answers; for rules about reading a round trip for each look at a name"},
    {"written_by_broker", "some 10 µs for each call that changes it; nothing for what is read and written in files"},
    {"refused_by_broker", "nothing beyond the broker's writing"},
});
static_assert(kMechanisms.size() == static_cast<std::size_t>(Mechanism::kRefusedByBroker) + 1);

constexpr std::array<LimitWords, 16> kLimits = {{
    {"wall_time", "a timer of Writ's: SIGTERM, then SIGKILL for the whole sandbox", "nothing"},
    {"kill_grace", "the time between those two signals", "nothing"},
    {"cpu_time", "RLIMIT_CPU of each process", "nothing"},
    {"address_space", "RLIMIT_AS of each process", "nothing"},
    {"file_size", "RLIMIT_FSIZE of each process", "nothing"},
    {"tmp_size", "the size of the private tmpfs for /tmp and the home", "nothing until it is used"},
    {"shm_size", "the size of the private tmpfs for /dev/shm", "nothing until it is used"},
    {"processes", "RLIMIT_NPROC, counted for the user namespace of the sandbox", "nothing"},
    {"open_files", "RLIMIT_NOFILE of each process", "nothing"},
    {"memory", "a control group of the sandbox's own", "some milliseconds for the group at start and end"},
    {"swap", "the same control group, beside memory", "nothing"},
    {"cpus", "a quota of the control group in each tenth of a second", "the group"},
    {"cpu_weight", "the share of the control group where processors are short", "the group"},
    {"total_cpu_time", "Writ looks at what the control group, or without one each process, has used",
     "looks now and then"},
    {"output_size", "Writ passes the output on and counts it", "one more copy of the output"},
    {"write_size", "Writ looks at what each process has written", "looks now and then"},
}};

// In the order of Layer; measured on a small virtual machine (docs/benchmarks.md).
constexpr std::array<std::string_view, kLayerCount> kLayerCosts = {
    "some 30 µs at the start",
    "some 100 µs at the start and one mount for each grant; nothing for each access",
    "some 100 µs at the start",
    "a few µs at the start",
    "the largest part of the start, some 400 µs, made beside other work",
    "some 30 µs at the start",
    "a few µs at the start",
    "a few µs at the start",
    "some 70 µs at the start; under 1 µs for each open",
    "some 100 µs at the start; about 30 ns for each call, 100 ns where arguments are compared",
    "nothing unless a limit needs it; then some milliseconds at start and end",
};

}  // namespace

std::string_view mechanism_name(Mechanism mechanism) { return kMechanisms[static_cast<std::size_t>(mechanism)].name; }
std::string_view mechanism_cost(Mechanism mechanism) { return kMechanisms[static_cast<std::size_t>(mechanism)].cost; }
const std::array<LimitWords, 16>& limit_words() { return kLimits; }
std::string_view layer_cost(Layer layer) { return kLayerCosts[static_cast<std::size_t>(layer)]; }

}  // namespace writ
