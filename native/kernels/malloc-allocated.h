// Owns how the addon's objects come by their memory: from malloc, and null instead of an exception. The global
// operator new would bring the unwinder of libstdc++ with it, and that a need for the newest glibc.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace hotsocket {

// A base class. `std::make_unique` of a class that has it gives null where there is no memory.
struct MallocAllocated {
  static void* operator new(std::size_t size) noexcept { return std::malloc(size); }
  static void operator delete(void* memory) noexcept { std::free(memory); }
};

}  // namespace hotsocket
