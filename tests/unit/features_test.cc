#include "broker/kernel/features.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "broker/kernel/feature_probe.h"
#include "launcher/doctor_command.h"

namespace writ {
namespace {

constexpr std::array<Requirement, kLayerCount> kEverythingRequired{};

Features without(Feature feature) {
  Features features = Features::all_available();
  features.set(feature, {FeatureState::kUnavailable, "cannot do it", EPERM, "do this"});
  return features;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator listing("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(listing), end(listing)));
}

std::string read_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

ProbeReport hang(const ProbeContext&) {
  ::kill(::getpid(), SIGSTOP);
  return {};
}
ProbeReport die(const ProbeContext&) {
  ::kill(::getpid(), SIGKILL);
  return {};
}
ProbeReport fail_with_errno(const ProbeContext&) {
  errno = ENOTTY;
  return probe_failed("do a thing");
}

TEST_CASE("features: each has its own description, in order", "[features]") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kFeatureCount; ++i) {
    const FeatureDescription& description = describe_feature(static_cast<Feature>(i));
    CHECK(static_cast<std::size_t>(description.feature) == i);
    CHECK_FALSE(description.purpose.empty());
    names.insert(description.name);
  }
  CHECK(names.size() == kFeatureCount);
}

TEST_CASE("features: each layer stands on the feature of its name", "[features]") {
  for (const LayerName& layer : kLayerNames) {
    const FeatureDescription& description = describe_feature(feature_of(layer.layer));
    CHECK(description.name == layer.name);
    CHECK(description.role == FeatureRole::kLayer);
  }
}

TEST_CASE("features: a fake can lack one thing", "[features]") {
  const Features features = without(Feature::kLandlock);
  CHECK_FALSE(features.usable(Layer::kLandlock));
  CHECK(features.usable(Layer::kSeccomp));
}

TEST_CASE("features: a fresh value has nothing", "[features]") { CHECK_FALSE(Features{}.usable(Feature::kSeccomp)); }

TEST_CASE("probe: a report crosses the pipe", "[features]") {
  const ProbeReport report = run_probe(fail_with_errno, make_probe_context());
  CHECK(report.state == FeatureState::kUnavailable);
  CHECK(report.system_errno == ENOTTY);
  CHECK(std::string(report.step) == "do a thing");
}

TEST_CASE("probe: a child that dies is a failure", "[features]") {
  CHECK(run_probe(die, make_probe_context()).state == FeatureState::kUnavailable);
}

TEST_CASE("probe: a child that hangs is given up and reaped", "[features]") {
  CHECK(run_probe(hang, make_probe_context(), std::chrono::milliseconds(50)).state == FeatureState::kUnavailable);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
  CHECK(errno == ECHILD);
}

TEST_CASE("probe: the whole probe leaves nothing behind", "[features]") {
  const std::size_t descriptors = open_descriptors();
  const std::string mounts = read_text("/proc/self/mountinfo");
  const std::filesystem::path user_namespace = std::filesystem::read_symlink("/proc/self/ns/user");
  (void)probe_features();
  CHECK(open_descriptors() == descriptors);
  CHECK(read_text("/proc/self/mountinfo") == mounts);
  CHECK(std::filesystem::read_symlink("/proc/self/ns/user") == user_namespace);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("probe: what is unavailable says why and what to do", "[features]") {
  const Features features = probe_features();
  for (std::size_t i = 0; i < kFeatureCount; ++i) {
    const auto feature = static_cast<Feature>(i);
    const FeatureStatus& status = features.status(feature);
    INFO(describe_feature(feature).name);
    if (status.state != FeatureState::kAvailable) CHECK_FALSE(status.detail.empty());
    const bool informational = describe_feature(feature).role == FeatureRole::kInformation;
    if (status.state == FeatureState::kUnavailable && !informational) CHECK_FALSE(status.hint.empty());
  }
}

TEST_CASE("hints: user namespaces, the most specific reason first", "[features]") {
  HostFacts host;
  host.unprivileged_userns_clone = 0;
  CHECK(probe_hint(Feature::kUserNamespace, EPERM, host).find("unprivileged_userns_clone=1") != std::string::npos);
  host.unprivileged_userns_clone = 1;
  host.max_user_namespaces = 0;
  CHECK(probe_hint(Feature::kView, ENOSPC, host).find("user.max_user_namespaces") != std::string::npos);
  host.max_user_namespaces = 1000;
  host.apparmor_restricts_userns = 1;
  CHECK(probe_hint(Feature::kView, EACCES, host).find("AppArmor") != std::string::npos);
  host.apparmor_restricts_userns = 0;
  host.in_container = true;
  CHECK(probe_hint(Feature::kView, EPERM, host).find("--security-opt") != std::string::npos);
  host.in_container = false;
  host.under_seccomp = true;
  CHECK(probe_hint(Feature::kView, EPERM, host).find("already in force") != std::string::npos);
}

TEST_CASE("hints: Landlock that is built in but off", "[features]") {
  CHECK(probe_hint(Feature::kLandlock, EOPNOTSUPP, {}).find("lsm=") != std::string::npos);
  CHECK(probe_hint(Feature::kLandlock, ENOSYS, {}).find("5.13") != std::string::npos);
}

TEST_CASE("doctor: sufficient only when all that is required is there", "[doctor]") {
  CHECK(host_suffices(Features::all_available(), kEverythingRequired));
  CHECK_FALSE(host_suffices(without(Feature::kLandlock), kEverythingRequired));
  CHECK_FALSE(host_suffices(without(Feature::kClone3), kEverythingRequired));
  CHECK(host_suffices(without(Feature::kCgroupV2), kEverythingRequired));
  auto landlock_preferred = kEverythingRequired;
  landlock_preferred[static_cast<std::size_t>(Layer::kLandlock)] = Requirement::kPrefer;
  CHECK(host_suffices(without(Feature::kLandlock), landlock_preferred));
}

TEST_CASE("doctor: the text names what is missing, why, and what to do", "[doctor]") {
  const std::string text = doctor_text(without(Feature::kSeccomp), kEverythingRequired, Colour::kNever);
  CHECK(text.find("cannot do it: Operation not permitted") != std::string::npos);
  CHECK(text.find("-> do this") != std::string::npos);
  CHECK(text.find("requires: seccomp.") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("doctor: the same advice is given once", "[doctor]") {
  Features features = without(Feature::kUserNamespace);
  features.set(Feature::kView, features.status(Feature::kUserNamespace));
  const std::string text = doctor_text(features, kEverythingRequired, Colour::kNever);
  CHECK(text.find("-> do this") == text.rfind("-> do this"));
  CHECK(text.find("-> as above") != std::string::npos);
}

TEST_CASE("doctor: colour only when it is asked for", "[doctor]") {
  CHECK(doctor_text(Features::all_available(), kEverythingRequired, Colour::kAlways).find("\x1b[32m") !=
        std::string::npos);
}

TEST_CASE("doctor: the JSON has a versioned schema and every feature", "[doctor]") {
  const std::string text = doctor_json(without(Feature::kView), kEverythingRequired).to_text();
  CHECK(text.find(R"("schema_version": 1)") != std::string::npos);
  CHECK(text.find(R"("sufficient": false)") != std::string::npos);
  CHECK(text.find(R"("name": "view", "kind": "layer", "state": "unavailable", "required": true)") != std::string::npos);
  for (std::size_t i = 0; i < kFeatureCount; ++i)
    CHECK(text.find(std::string(describe_feature(static_cast<Feature>(i)).name)) != std::string::npos);
}

}  // namespace
}  // namespace writ
