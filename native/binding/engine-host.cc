#include "engine-host.h"

#include <memory>

#include "instance.h"

namespace hotsocket {

// References end with the environment, of which the context is no part.
EngineHost::~EngineHost() {
  if (context_ != nullptr) napi_async_destroy(env_, context_);
}

bool EngineHost::open(napi_value onbatch, napi_value kept) {
  napi_value name = nullptr;
  if (watch_ == nullptr || !engine_.is_open() ||
      napi_create_string_utf8(env_, "hotsocket", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env_, nullptr, name, &context_) != napi_ok ||
      napi_create_reference(env_, onbatch, 1, &onbatch_) != napi_ok ||
      napi_create_reference(env_, kept, 1, &kept_) != napi_ok ||
      !watch_->open(env_, engine_.poll_descriptor(), *this)) {
    return false;
  }
  // From here on the loop knows the watch, and only `on_released` may end the host.
  napi_add_async_cleanup_hook(env_, on_cleanup, this, &hook_);
  update_ref();
  return true;
}

void EngineHost::close() {
  if (is_dead_) return;
  is_dead_ = true;
  engine_.close_all();
  watch_->close();
}

void EngineHost::update_ref() {
  const bool is_needed = engine_.referenced_count() + engine_.listener_count() > 0;
  if (is_needed == is_referenced_) return;
  is_referenced_ = is_needed;
  watch_->set_referenced(is_needed);
}

void EngineHost::on_ready() {
  if (is_dead_) return;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
  engine_.turn({memory_.table, memory_.arena}, *this);
  napi_close_handle_scope(env_, scope);
}

// Calls JavaScript, in parts if there are many texts; it may have ended the environment by the time it returns.
bool EngineHost::deliver(std::size_t row_count) {
  for (std::size_t begin = 0; begin < row_count; begin = texts_.end) {
    napi_handle_scope scope = nullptr;
    if (is_dead_ || napi_open_handle_scope(env_, &scope) != napi_ok) return false;
    const bool goes_on = deliver_part(begin, row_count);
    napi_close_handle_scope(env_, scope);
    if (!goes_on || is_dead_) return false;
  }
  return true;
}

bool EngineHost::deliver_part(std::size_t begin, std::size_t row_count) {
  // Nobody needs the result, but Deno writes to its address unasked.
  napi_value receiver = nullptr, onbatch = nullptr, result = nullptr;
  const auto number = [&](std::size_t value, napi_value& made) {
    return napi_create_uint32(env_, static_cast<std::uint32_t>(value), &made) == napi_ok;
  };
  const bool is_called = texts_.make(env_, memory_.table.first(row_count * layout::ROW_WORDS), begin, memory_.arena,
                                       engine_) &&
                         napi_get_global(env_, &receiver) == napi_ok &&
                         napi_get_reference_value(env_, onbatch_, &onbatch) == napi_ok &&
                         number(begin, texts_.arguments[0]) && number(texts_.end, texts_.arguments[1]) &&
                         number(row_count, texts_.arguments[2]) &&
                         napi_make_callback(env_, context_, receiver, onbatch, texts_.argument_count, texts_.arguments,
                                            &result) == napi_ok;
  return is_called || report_exception();
}

// Hands what a process.nextTick of the batch threw to 'uncaughtException': left pending, it would make every later call
// fail. Returns false if nobody caught it, or if the environment is ending.
bool EngineHost::report_exception() {
  napi_value exception = nullptr;
  bool is_pending = false;
  return napi_is_exception_pending(env_, &is_pending) == napi_ok && is_pending &&
         napi_get_and_clear_last_exception(env_, &exception) == napi_ok &&
         napi_fatal_exception(env_, exception) == napi_ok;
}

void EngineHost::on_cleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* host = static_cast<EngineHost*>(data);
  instance_of(host->env_).engine = nullptr;
  host->close();
}

void EngineHost::on_released() {
  // The hook keeps the environment until it is removed, so the host goes before it.
  const napi_async_cleanup_hook_handle hook = hook_;
  std::unique_ptr<EngineHost>(this).reset();
  if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
}

}  // namespace hotsocket
