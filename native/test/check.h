// Owns the one check of the native tests: it tells where it failed and ends the test.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace hotsocket {

// The builtins stand for std::source_location, which clang 14 has not.
inline void check(bool condition, const char* what, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (condition) return;
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what);
  std::exit(1);
}

}  // namespace hotsocket
