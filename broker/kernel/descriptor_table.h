// The descriptor table at exec: everything that is not granted is closed (close_range(2), kernel 5.9).
#ifndef WRIT_BROKER_KERNEL_DESCRIPTOR_TABLE_H_
#define WRIT_BROKER_KERNEL_DESCRIPTOR_TABLE_H_

namespace writ {

// Closes every descriptor numbered `first` and above. Raw; returns 0 or -errno. Without close_range(2) it closes one
// number after the other up to the hard limit of open files.
[[nodiscard]] long close_descriptors_from(unsigned first);

// The fallback of close_descriptors_from, exposed so that tests can force it. Raw; returns 0 or -errno.
[[nodiscard]] long close_descriptors_one_by_one(unsigned first);

// Raises the soft limit of open files to the hard one, so that at least descriptors up to `number` fit where the host
// allows that. Most sessions start with 1024 although thousands are allowed (setrlimit(2)). Best effort: what does not
// fit fails where it is opened.
void make_room_for_descriptors(int number);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_DESCRIPTOR_TABLE_H_
