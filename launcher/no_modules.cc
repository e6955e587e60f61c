// Part of the statically linked command only. SQLite can load extensions, which Writ never does and a static program
// must not: linked with --wrap=dlopen (ld(1)), what SQLite would call is this.

#include <dlfcn.h>

extern "C" void* __wrap_dlopen(const char* path, int mode);
extern "C" void* __wrap_dlopen(const char* /*path*/, int /*mode*/) { return nullptr; }
