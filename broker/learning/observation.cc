#include "broker/learning/observation.h"

namespace writ {
namespace {

void add_program(std::set<std::string>& programs, std::string_view program) {
  if (programs.size() < kProgramLimit) programs.emplace(program);
}

}  // namespace

bool ObservationLog::has_room(std::size_t bytes) {
  if (bytes_ + bytes > byte_limit_) return false;
  bytes_ += bytes;
  return true;
}

Observation* ObservationLog::entry_for(const std::string& path) {
  const auto known = entries_.find(path);
  if (known != entries_.end()) return &known->second;
  if (entries_.size() >= entry_limit_ || !has_room(path.size())) return nullptr;
  Observation& made = entries_[path];
  made.path = path;
  return &made;
}

void ObservationLog::add_name(Observation& entry, const PathSighting& sighting) {
  if (sighting.used_path.empty() || entry.names.contains(sighting.used_path)) return;
  std::size_t bytes = sighting.used_path.size();
  for (const std::string& link : sighting.links) bytes += link.size();
  if (entry.names.size() >= kNameLimit || !has_room(bytes)) return;
  entry.names[sighting.used_path].insert(sighting.links.begin(), sighting.links.end());
}

void ObservationLog::add(const PathSighting& sighting, std::string_view program) {
  Observation* entry = entry_for(sighting.path);
  if (entry == nullptr) {
    ++not_kept_;
    return;
  }
  ++entry->count;
  add_program(entry->programs, program);
  // What exists once is worth more than that it was absent before or afterwards.
  if (sighting.finding != Finding::kMissing) entry->finding = sighting.finding;
  if (sighting.obstacle == Obstacle::kNone) {
    entry->rights = join(entry->rights, sighting.rights);
  } else {
    entry->missed = join(entry->missed, sighting.rights);
    entry->obstacle = sighting.obstacle;
  }
  add_name(*entry, sighting);
}

void AddressLog::add(const AddressSighting& sighting, std::string_view program) {
  const std::string key = rights_text(sighting.rights) + " " + sighting.text;
  const auto known = entries_.find(key);
  if (known == entries_.end() && entries_.size() >= kAddressLimit) {
    ++not_kept_;
    return;
  }
  Entry& entry = entries_[key];
  entry.sighting = sighting;
  ++entry.count;
  add_program(entry.programs, program);
}

}  // namespace writ
