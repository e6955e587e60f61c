// ClientView: for as long as it lives, this process sees environment and working directory of a client of the daemon,
// so that what reads profiles and options reads them as `writ run` in the client's place would. Single-threaded
// processes only.
#ifndef WRIT_LAUNCHER_CLIENT_VIEW_H_
#define WRIT_LAUNCHER_CLIENT_VIEW_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

class ClientView {
 public:
  // Goes to `path`, which must be the very directory that the borrowed `directory` is: the daemon may see other mounts
  // than its client does. Errors: it is not, or it cannot be entered; nothing has changed then. `environment`
  // ("NAME=value") must outlive this.
  [[nodiscard]] static Result<ClientView> enter(const std::string& path, int directory,
                                                const std::vector<std::string>& environment);
  ClientView(ClientView&& other) noexcept;
  ClientView& operator=(ClientView&&) = delete;
  ~ClientView();

 private:
  ClientView(UniqueFd own_directory, std::vector<char*> variables);

  UniqueFd own_directory_;  // invalid: moved from
  std::vector<char*> variables_;
  char** own_environment_ = nullptr;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_CLIENT_VIEW_H_
