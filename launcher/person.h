// Person: who started Writ, as far as profiles and sandboxes need to know. Read once, without the name service: a
// static program must not load its modules.
#ifndef WRIT_LAUNCHER_PERSON_H_
#define WRIT_LAUNCHER_PERSON_H_

#include <sys/types.h>

#include <string>

#include "broker/base/error.h"

namespace writ {

struct Person {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;                // account name, or the uid as digits
  std::string home;                // absolute; $HOME where that is
  std::string account_home;        // of the account, whatever $HOME says
  std::string current_directory;   // physical path
  std::string configuration_home;  // $XDG_CONFIG_HOME
  std::string state_home;          // $XDG_STATE_HOME
  std::string cache_home;          // $XDG_CACHE_HOME
};

// `uid` and `gid` are the effective ids from before any user namespace. Errors: the current directory is gone.
[[nodiscard]] Result<Person> identify_person(uid_t uid, gid_t gid);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PERSON_H_
