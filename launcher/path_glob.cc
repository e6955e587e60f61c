#include "launcher/path_glob.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::size_t kPartLimit = 64;

bool has_wildcard(const std::string& part) { return part.find_first_of("*?[") != std::string::npos; }

bool matches_name(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD | FNM_NOESCAPE) == 0;
}

}  // namespace

Result<PathGlob> PathGlob::parse(std::string_view text) {
  PathGlob glob;
  glob.text_ = text;
  if (text.starts_with('/')) return fail(quote_bytes(text) + " must be relative to the workspace");
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    std::string part(text.substr(begin, end - begin));
    begin = end + 1;
    if (part == "..") return fail(quote_bytes(text) + " leads out of the workspace");
    // "**" twice is as good as once, and would only cost time.
    const bool again = part == "**" && !glob.parts_.empty() && glob.parts_.back() == "**";
    if (!part.empty() && part != "." && !again) glob.parts_.push_back(std::move(part));
  }
  if (glob.parts_.empty()) return fail(quote_bytes(text) + " names no file");
  if (glob.parts_.size() > kPartLimit) return fail(quote_bytes(text) + " has too many parts");
  glob.names_tree_ = !has_wildcard(glob.parts_.back());
  return glob;
}

// Where in `path` the parts so far can end: no way through is gone twice, however many wildcards there are.
std::vector<bool> PathGlob::after(std::size_t part, const std::vector<bool>& ends,
                                  std::span<const std::string> path) const {
  std::vector<bool> next(ends.size());
  if (parts_[part] != "**") {
    for (std::size_t at = 0; at < path.size(); ++at) next[at + 1] = ends[at] && matches_name(parts_[part], path[at]);
    return next;
  }
  // A last "**" stands for files, so for one name at least.
  const bool is_last = part + 1 == parts_.size();
  bool reached = false;
  for (std::size_t at = 0; at < ends.size(); ++at) {
    if (at > 0 && path[at - 1].starts_with('.')) reached = false;
    next[at] = reached || (ends[at] && !is_last);
    reached = reached || ends[at];
  }
  return next;
}

bool PathGlob::matches(std::span<const std::string> path) const {
  std::vector<bool> ends(path.size() + 1);
  ends[0] = true;
  for (std::size_t part = 0; part < parts_.size(); ++part) ends = after(part, ends, path);
  return ends.back() || (names_tree_ && std::find(ends.begin(), ends.end(), true) != ends.end());
}

bool PathGlob::may_match_beneath(std::span<const std::string> directory) const {
  std::vector<bool> ends(directory.size() + 1);
  ends[0] = true;
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    if (ends.back()) return true;  // the other parts may follow
    ends = after(part, ends, directory);
  }
  if (ends.back() && parts_.back() == "**") return true;
  return names_tree_ && std::find(ends.begin(), ends.end(), true) != ends.end();
}

}  // namespace writ
