// Raw system calls for code that runs between clone and exec: no errno, no locks, no allocation, no cancellation
// points. Async-signal safe, usable in a child that shares its parent's memory (clone(2), "CLONE_VM").
#ifndef WRIT_BROKER_KERNEL_RAW_SYSCALL_H_
#define WRIT_BROKER_KERNEL_RAW_SYSCALL_H_

#include <sys/syscall.h>

#include <type_traits>

namespace writ {

namespace raw_syscall_detail {

template <class T>
long as_register(T value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<long>(value);
  } else if constexpr (std::is_null_pointer_v<T>) {
    return 0;
  } else {
    return static_cast<long>(value);
  }
}

#if defined(__x86_64__)
inline long enter(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long enter(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "Writ supports x86-64 and aarch64"
#endif

}  // namespace raw_syscall_detail

// Makes system call `number`; returns its result, or -errno (1…4095) as the kernel gave it (syscall(2)).
template <class A = long, class B = long, class C = long, class D = long, class E = long, class F = long>
inline long raw_syscall(long number, A a = 0, B b = 0, C c = 0, D d = 0, E e = 0, F f = 0) {
  using raw_syscall_detail::as_register;
  return raw_syscall_detail::enter(number, as_register(a), as_register(b), as_register(c), as_register(d),
                                   as_register(e), as_register(f));
}

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_RAW_SYSCALL_H_
