#include "broker/mediation/protected_links.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits.h>
#include <algorithm>
#include <array>
#include <deque>
#include <string_view>

#include "broker/base/unique_fd.h"
#include "broker/grant/directory_listing.h"
#include "broker/grant/git_directories.h"

namespace writ {
namespace {

// The kernel follows 40 (path_resolution(7)); with one less on the way, the 41st would be the last of them.
constexpr int kLinksOnTheWay = 41;

bool lies_in(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

// Walks one name, as the kernel would for somebody on the host, and notes what gives it its meaning.
class LinkWalk {
 public:
  explicit LinkWalk(std::vector<std::string>& places) : places_(places) {}

  void follow(const std::string& name) {
    put_in_front(name);
    while (!rest_.empty()) {
      const std::string component = std::move(rest_.front());
      rest_.pop_front();
      if (!enter(component)) return;
    }
    note(at_);
  }

 private:
  void note(const std::string& place) { places_.push_back(place.empty() ? "/" : place); }

  void put_in_front(std::string_view text) {
    if (text.starts_with('/')) at_.clear();
    while (!text.empty()) {
      const std::size_t slash = std::min(text.rfind('/') + 1, text.size());  // after the last one; 0: there is none
      if (slash < text.size() && text.substr(slash) != ".") rest_.emplace_front(text.substr(slash));
      text = text.substr(0, slash == 0 ? 0 : slash - 1);
    }
  }

  // False: the walk is over.
  bool enter(const std::string& component) {
    if (component == "..") {
      at_.resize(std::min(at_.rfind('/'), at_.size()));
      return true;
    }
    at_ += "/" + component;
    struct stat status {};
    const bool there = ::lstat(at_.c_str(), &status) == 0;
    if (there && S_ISLNK(status.st_mode)) return follow_link();
    if (there && S_ISDIR(status.st_mode)) return true;
    // From here on as text. What is made here as a directory later is one; made as a link it would lead ".." elsewhere.
    if (std::find(rest_.begin(), rest_.end(), "..") != rest_.end()) note(at_);
    return true;
  }

  bool follow_link() {
    note(at_);
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlink(at_.c_str(), target.data(), target.size());
    if (size <= 0 || ++links_ == kLinksOnTheWay) return false;
    at_.resize(at_.rfind('/'));
    put_in_front(std::string_view(target.data(), static_cast<std::size_t>(size)));
    return true;
  }

  std::vector<std::string>& places_;
  std::deque<std::string> rest_;
  std::string at_;  // canonical; empty: the root
  int links_ = 0;
};

void add_way_of(const std::string& whole, const std::string& tree, std::vector<std::string>& places) {
  std::vector<std::string> found;
  LinkWalk(found).follow(whole);
  // The name itself and what lies above it are known; and a link to the whole tree does not close the tree.
  std::erase_if(
      found, [&](const std::string& place) { return lies_in(whole, place) || lies_in(tree, place) || place == "/"; });
  places.insert(places.end(), found.begin(), found.end());
}

}  // namespace

std::vector<std::string> protected_link_targets(const std::string& tree, const std::vector<std::string>& names) {
  std::vector<std::string> places;
  const UniqueFd root(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return places;
  const DirectoryListing listing = DirectoryListing::read(root.get());  // most of the names exist nowhere
  for (const std::string& name : names)
    if (listing.may_hold(name.substr(0, name.find('/')))) add_way_of(tree + "/" + name, tree, places);
  for (std::string& place : protected_in_git_directories(tree, names)) {
    add_way_of(place, tree, places);
    places.push_back(std::move(place));
  }
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

}  // namespace writ
