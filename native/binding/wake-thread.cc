#include "wake-thread.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>

// The names' first versions: glibc 2.34 moved them into libc and gave them new ones, which older systems lack.
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver pthread_create, pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join, pthread_join@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver pthread_create, pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join, pthread_join@GLIBC_2.17");
#endif

namespace hotsocket {
namespace {

// What an event of the thread's epoll set stands for.
constexpr std::uint32_t STOP = 0;
constexpr std::uint32_t READY = 1;

}  // namespace

bool WakeThread::open(napi_env env, int descriptor, Watched& watched) {
  env_ = env;
  watched_ = &watched;
  watched_descriptor_ = descriptor;
  waiting_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
  stop_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{.events = EPOLLIN, .data = {.u32 = STOP}};
  napi_value name = nullptr;
  if (!waiting_.is_open() || !stop_.is_open() ||
      epoll_ctl(waiting_.number(), EPOLL_CTL_ADD, stop_.number(), &event) != 0 ||
      napi_create_string_utf8(env, "hotsocket", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      pthread_create(&thread_, nullptr, run, this) != 0) {
    return false;
  }
  // The thread calls the function only once the descriptor is armed. What fails before leaves nothing behind.
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, on_finalized, this, on_wake, &wake_) !=
      napi_ok) {
    stop();
    return false;
  }
  arm(EPOLL_CTL_ADD);
  return true;
}

void WakeThread::set_referenced(bool is_referenced) {
  if (is_referenced) napi_ref_threadsafe_function(env_, wake_);
  else napi_unref_threadsafe_function(env_, wake_);
}

void WakeThread::close() {
  if (is_closed_) return watched_->on_released();
  is_closed_ = true;
  stop();
  napi_release_threadsafe_function(wake_, napi_tsfn_abort);
}

void WakeThread::stop() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(stop_.number(), &one, sizeof one));  // a fresh counter takes it
  pthread_join(thread_, nullptr);
  // Not left to the destructor: where an environment ends, Deno calls no finalizer.
  waiting_.close();
  stop_.close();
}

bool WakeThread::arm(int operation) {
  epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.u32 = READY}};
  return epoll_ctl(waiting_.number(), operation, watched_descriptor_, &event) == 0;
}

void* WakeThread::run(void* self) {
  auto* watch = static_cast<WakeThread*>(self);
  for (;;) {
    epoll_event event{};
    const int count = epoll_wait(watch->waiting_.number(), &event, 1, -1);
    if (count < 0 && errno == EINTR) continue;
    if (count != 1 || event.data.u32 == STOP) return nullptr;
    napi_call_threadsafe_function(watch->wake_, nullptr, napi_tsfn_nonblocking);
  }
}

void WakeThread::on_wake(napi_env env, napi_value, void* self, void*) {
  auto* watch = static_cast<WakeThread*>(self);
  if (env == nullptr || watch->is_closed_) return;
  watch->watched_->on_ready();
  if (!watch->is_closed_) watch->arm(EPOLL_CTL_MOD);
}

void WakeThread::on_finalized(napi_env, void*, void* self) {
  auto* watch = static_cast<WakeThread*>(self);
  if (watch->is_closed_) return watch->watched_->on_released();
  // The runtime ends it by itself, with the environment; `close` is still to come.
  watch->is_closed_ = true;
  watch->stop();
}

}  // namespace hotsocket
