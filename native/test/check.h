// Owns the one check of the native tests: it tells where it failed and ends the test.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace hotsocket {

inline void check(bool condition, const char* what,
                  const std::source_location& where = std::source_location::current()) {
  if (condition) return;
  std::fprintf(stderr, "%s:%u: %s\n", where.file_name(), static_cast<unsigned>(where.line()), what);
  std::exit(1);
}

}  // namespace hotsocket
