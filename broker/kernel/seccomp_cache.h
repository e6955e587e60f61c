// From model to a filter that is ready to load, without paying libseccomp's milliseconds at every start.
//
// What is cached is not trust but a result: "libseccomp agreed with exactly this program for exactly this model". The
// program itself is compiled anew at every start (microseconds) and checked against the model; a cache file counts only
// when it equals, byte for byte, the file that would be written now. A forged, damaged or foreign file can therefore at
// most cause the comparison with libseccomp to be made again (or, if it is a perfect forgery of a correct result, to be
// left out); it can never put an instruction into a filter.
//
// Threads: const members may be used by several threads. Fork: holds one close-on-exec descriptor.
#ifndef WRIT_BROKER_KERNEL_SECCOMP_CACHE_H_
#define WRIT_BROKER_KERNEL_SECCOMP_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/policy/bpf_program.h"
#include "broker/policy/seccomp_model.h"

namespace writ {

class SeccompCache {
 public:
  // Takes a directory descriptor ($XDG_CACHE_HOME/writ/filters or the like; O_PATH is not enough). Errors: not a
  // directory; not owned by the effective uid; writable for group or others.
  [[nodiscard]] static Result<SeccompCache> open(UniqueFd directory);

  // True when the directory holds the record of `program` for `model`: a regular file owned by the effective uid, not
  // writable for group or others, with exactly the expected bytes. Never an error: anything else is a miss.
  [[nodiscard]] bool confirms(const SeccompModel& model, const BpfProgram& program) const;

  // Writes the record in one piece (unnamed file, then a name; a temporary name and rename where the file system has no
  // unnamed files), replacing a record that confirms() did not accept. Errors: those of the system calls; the caller
  // may go on without a cache.
  [[nodiscard]] Status store(const SeccompModel& model, const BpfProgram& program) const;

  // File name of the record of `model`: a hash of the key; the key itself is in the file.
  [[nodiscard]] static std::string file_name(const SeccompModel& model);

 private:
  explicit SeccompCache(UniqueFd directory) : directory_(std::move(directory)) {}
  UniqueFd directory_;
};

// Compiles `model`, checks the program against it (check_program_against_model()), and compares with libseccomp unless
// that was done before: for the shipped bases by the tests of this build (seccomp_certificates.h), else by a record in
// `cache`, which may be null. Errors: those of the compiler, the check and the comparison. A cache that cannot be
// written is no error.
[[nodiscard]] Result<BpfProgram> seccomp_program_for(const SeccompModel& model, const SeccompCache* cache);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_SECCOMP_CACHE_H_
