#include "launcher/client_view.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

extern char** environ;

namespace writ {

ClientView::ClientView(UniqueFd own_directory, std::vector<char*> variables)
    : own_directory_(std::move(own_directory)), variables_(std::move(variables)), own_environment_(environ) {
  environ = variables_.data();
}

ClientView::ClientView(ClientView&& other) noexcept
    : own_directory_(std::move(other.own_directory_)),
      variables_(std::move(other.variables_)),
      own_environment_(other.own_environment_) {}

ClientView::~ClientView() {
  if (!own_directory_.valid()) return;
  environ = own_environment_;
  // It was ours and is held, so this does not fail; were it to, nothing here depends on where we are.
  if (::fchdir(own_directory_.get()) != 0) return;
}

Result<ClientView> ClientView::enter(const std::string& path, int directory,
                                     const std::vector<std::string>& environment) {
  struct stat theirs {};
  struct stat ours {};
  UniqueFd own(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd there(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!own.valid() || !there.valid()) return fail_errno(errno, "cannot open the client's directory");
  if (::fstat(directory, &theirs) != 0 || ::fstat(there.get(), &ours) != 0)
    return fail_errno(errno, "cannot look at the client's directory");
  if (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
    return fail("the client's directory is another one here");
  if (::fchdir(there.get()) != 0) return fail_errno(errno, "cannot enter the client's directory");
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  // Nobody writes through them: environ(7) has no const for reasons of age.
  for (const std::string& variable : environment) variables.push_back(const_cast<char*>(variable.c_str()));
  variables.push_back(nullptr);
  return ClientView(std::move(own), std::move(variables));
}

}  // namespace writ
