#include "broker/learning/learning_places.h"

#include <algorithm>
#include <array>

namespace writ {
namespace {

constexpr std::array<std::string_view, 3> kKernelTrees = {"/proc", "/sys", "/dev"};
constexpr std::array<std::string_view, 3> kScratchTrees = {"/tmp", "/var/tmp", "/dev/shm"};

template <class Trees>
bool within_any(std::string_view path, const Trees& trees) {
  return std::any_of(trees.begin(), trees.end(), [&](const auto& tree) { return lies_within(path, tree); });
}

std::size_t segments(std::string_view path) {
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

}  // namespace

bool lies_within(std::string_view path, std::string_view tree) {
  if (tree.empty() || !path.starts_with(tree)) return false;
  return path.size() == tree.size() || path[tree.size()] == '/' || tree == "/";
}

Region LearningPlaces::region_of(std::string_view path) const {
  if (within_any(path, secrets)) return Region::kSecret;
  if (lies_within(path, workspace)) return Region::kWorkspace;
  if (lies_within(path, home) && home != "/") return Region::kHome;
  if (within_any(path, kScratchTrees)) return Region::kScratch;
  if (within_any(path, kKernelTrees)) return Region::kKernel;
  return Region::kElsewhere;
}

bool LearningPlaces::may_grant_tree(std::string_view path) const {
  const Region region = region_of(path);
  if (region != Region::kHome && region != Region::kElsewhere) return false;
  // Below the home the home counts; elsewhere the top-level directory, which is one segment itself.
  const std::size_t top = region == Region::kHome ? segments(home) : 1;
  if (path.size() < 2 || segments(path) < top + kTreeDepth) return false;
  if (lies_within(workspace, path) || (!home.empty() && lies_within(home, path))) return false;
  return std::none_of(secrets.begin(), secrets.end(),
                      [&](const std::string& secret) { return lies_within(secret, path); });
}

std::string LearningPlaces::spelled(std::string_view path) const {
  if (lies_within(path, workspace)) return "${workspace}" + std::string(path.substr(workspace.size()));
  if (!home.empty() && home != "/" && path != home && lies_within(path, home))
    return "~" + std::string(path.substr(home.size()));
  return std::string(path);
}

}  // namespace writ
