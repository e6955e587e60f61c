#include "broker/sandbox/view_accounts.h"

#include <unistd.h>

#include <string>
#include <utility>

namespace writ {

Status place_accounts(ViewMounts& mounts, const ViewOptions& options) {
  const std::string uid = std::to_string(options.identity.map.inside_uid);
  const std::string gid = std::to_string(options.identity.map.inside_gid);
  const std::string& user = options.user_name;
  const std::string passwd = "root:x:0:0:root:/root:/usr/sbin/nologin\n" + user + ":x:" + uid + ":" + gid +
                             "::" + options.home +
                             ":/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
  const std::string group = "root:x:0:\n" + user + ":x:" + gid + ":\nnogroup:x:65534:\n";
  for (const auto& [path, content] : {std::pair{"/etc/passwd", &passwd}, std::pair{"/etc/group", &group}}) {
    if (::access(path, F_OK) != 0) continue;
    WRIT_ASSIGN(UniqueFd file, mounts.make_synthetic_file(*content));
    WRIT_TRY(mounts.attach(path, file.get()));
  }
  return {};
}

}  // namespace writ
