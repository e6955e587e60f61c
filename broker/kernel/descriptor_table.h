// The descriptor table at exec: everything that is not granted is closed (close_range(2), kernel 5.9).
#ifndef WRIT_BROKER_KERNEL_DESCRIPTOR_TABLE_H_
#define WRIT_BROKER_KERNEL_DESCRIPTOR_TABLE_H_

namespace writ {

// Closes every descriptor numbered `first` and above. Raw; returns 0 or -errno. Without close_range(2) it closes one
// number after the other up to the hard limit of open files.
[[nodiscard]] long close_descriptors_from(unsigned first);

// The fallback of close_descriptors_from, exposed so that tests can force it. Raw; returns 0 or -errno.
[[nodiscard]] long close_descriptors_one_by_one(unsigned first);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_DESCRIPTOR_TABLE_H_
