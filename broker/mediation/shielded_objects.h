// ShieldedObjects: which files stand at shielded paths, to recognise them under another name: a file with several names
// is written through any of them. Looked up once, when the first such file is about to be changed.
//
// One thread at a time. Owns nothing; looks beneath the writable mounts, through no link.
#ifndef WRIT_BROKER_MEDIATION_SHIELDED_OBJECTS_H_
#define WRIT_BROKER_MEDIATION_SHIELDED_OBJECTS_H_

#include <sys/types.h>

#include <set>
#include <string>
#include <utility>

#include "broker/base/unique_fd.h"
#include "broker/mediation/mediated_tree.h"
#include "broker/mediation/write_shields.h"

namespace writ {

class ShieldedObjects {
 public:
  // Adds what stands at and beneath the shielded paths of `trees`.
  void collect(const MediatedTrees& trees, const WriteShields& shields);

  [[nodiscard]] bool collected() const { return collected_; }
  [[nodiscard]] bool hold(dev_t device, ino_t inode) const { return objects_.contains({device, inode}); }

 private:
  void add(UniqueFd object, int depth);
  void add_entries(int directory, int depth);

  std::set<std::pair<dev_t, ino_t>> objects_;
  int looked_at_ = 0;
  bool collected_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_SHIELDED_OBJECTS_H_
