// Owns the life of an engine inside one environment (thread): its place in the event loop, its calls into JavaScript,
// its end. Must not know sockets. Nothing here throws; a failed call into JavaScript means that the environment ends.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "../engine/engine.h"
#include "../kernels/malloc-allocated.h"
#include "loop-watch.h"
#include "row-texts.h"
#include "text-stage.h"

namespace hotsocket {

// What JavaScript gives once and shares with the engine from there on.
struct HostMemory {
  std::span<std::int32_t> table;
  std::span<std::uint8_t> arena;
  std::span<std::uint8_t> send_arena;
  std::span<std::int32_t> records;
  std::span<std::int32_t> stuck;
  std::span<std::int32_t> text_lengths;
};

class EngineHost : public BatchHandler, public Watched, public MallocAllocated {
 public:
  EngineHost(napi_env env, std::unique_ptr<LoopWatch> watch, const HostMemory& memory)
      : env_(env), watch_(std::move(watch)), memory_(memory) {}
  ~EngineHost();

  // Enters the event loop. `onbatch` is called with a row count for each batch. `kept` holds what `memory` points to.
  // False: nothing was begun, and the host is to be deleted.
  bool open(napi_value onbatch, napi_value kept);

  // Leaves the event loop and closes all sockets. The host deletes itself when the loop has let go of it.
  void close();

  Engine& engine() { return engine_; }
  const HostMemory& memory() const { return memory_; }
  TextStage& texts() { return text_stage_; }

  // Whether open sockets keep the process alive is a matter of their number: to be called when that changes.
  void update_ref();

  bool deliver(std::size_t row_count) override;

 private:
  static void on_cleanup(napi_async_cleanup_hook_handle hook, void* data);

  void on_ready() override;
  void on_released() override;
  bool deliver_part(std::size_t begin, std::size_t row_count);
  bool report_exception();

  napi_env env_;
  std::unique_ptr<LoopWatch> watch_;
  HostMemory memory_;
  Engine engine_;
  RowTexts texts_;
  TextStage text_stage_;
  napi_ref onbatch_ = nullptr;
  napi_ref kept_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool is_dead_ = false;
  bool is_referenced_ = true;
};

}  // namespace hotsocket
