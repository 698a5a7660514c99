// Owns what the C++ library calls when something cannot be: no memory, an impossible length. The addon is built without
// exceptions; the library's own versions would bring its unwinder along, and with it a need for the newest glibc.
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "hotsocket: %s\n", what);
  std::abort();
}

void* allocate(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) die("out of memory");
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace std {

void __throw_length_error(const char* what) { die(what); }
void __throw_logic_error(const char* what) { die(what); }
void __throw_bad_alloc() { die("out of memory"); }
void __throw_bad_array_new_length() { die("out of memory"); }
void __throw_out_of_range_fmt(const char* what, ...) { die(what); }

}  // namespace std
