#include "engine-binding.h"

#include <fcntl.h>

#include <array>
#include <memory>
#include <vector>

#include "../engine/engine.h"
#include "../kernels/malloc-allocated.h"
#include "arguments.h"
#include "engine-host.h"
#include "instance.h"
#include "uv-watch.h"
#include "wake-thread.h"

namespace hotsocket {
namespace {

// A table must have room for a row of every event of a turn, and more.
constexpr std::size_t MIN_TABLE_ROWS = 4 * Poller::MAX_READY;
// Most pieces of one call of engineSend.
constexpr std::uint32_t MAX_PIECES = 64 * 1024;

napi_value number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

EngineHost* host_of(napi_env env) {
  EngineHost* host = instance_of(env).engine;
  if (host == nullptr) napi_throw_error(env, nullptr, "the engine is not open");
  return host;
}

std::unique_ptr<LoopWatch> make_watch(bool has_libuv) {
  if (has_libuv) return std::make_unique<UvWatch>();
  return std::make_unique<WakeThread>();
}

// The slot and generation that most functions begin with.
struct Target {
  std::int32_t slot = -1;
  std::int32_t generation = -1;
};

bool read_target(napi_env env, const napi_value* arguments, Target& target) {
  if (napi_get_value_int32(env, arguments[0], &target.slot) == napi_ok &&
      napi_get_value_int32(env, arguments[1], &target.generation) == napi_ok) {
    return true;
  }
  napi_throw_type_error(env, nullptr, "slot and generation must be numbers");
  return false;
}

// Reads the arguments of a function about one slot. Returns the engine's host, or null if an exception is pending.
template <std::size_t COUNT>
EngineHost* read_call(napi_env env, napi_callback_info info, napi_value (&arguments)[COUNT], Target& target) {
  EngineHost* host = host_of(env);
  const bool is_read = host != nullptr && read_arguments(env, info, arguments) && read_target(env, arguments, target);
  return is_read ? host : nullptr;
}

// engineOpen(onbatch, table, arena, sendArena, records, stuck, textLengths, hasLibuv): begins. `hasLibuv`: the event loop is libuv's; trying
// is no way to find out, since on Bun that ends the process. Returns whether the runtime has what it needs.
napi_value open(napi_env env, napi_callback_info info) {
  napi_value arguments[8];
  napi_valuetype type = napi_undefined;
  HostMemory memory;
  bool has_libuv = false;
  if (!read_arguments(env, info, arguments)) return nullptr;
  if (instance_of(env).engine != nullptr) return throw_type_error(env, "the engine is open already");
  if (napi_typeof(env, arguments[0], &type) != napi_ok || type != napi_function) {
    return throw_type_error(env, "onbatch must be a function");
  }
  if (!read_words(env, arguments[1], memory.table) || !read_bytes(env, arguments[2], memory.arena) ||
      !read_bytes(env, arguments[3], memory.send_arena) || !read_words(env, arguments[4], memory.records) ||
      !read_words(env, arguments[5], memory.stuck) || !read_words(env, arguments[6], memory.text_lengths)) {
    return throw_type_error(
        env, "table, records, stuck and textLengths must be Int32Arrays, arena and sendArena Uint8Arrays");
  }
  if (napi_get_value_bool(env, arguments[7], &has_libuv) != napi_ok) {
    return throw_type_error(env, "hasLibuv must be a boolean");
  }
  const std::size_t record_count = memory.records.size() / Engine::RECORD_WORDS;
  if (memory.table.size() < MIN_TABLE_ROWS * layout::ROW_WORDS || memory.arena.size() < Engine::MIN_ARENA_BYTES ||
      memory.stuck.size() < record_count * Engine::STUCK_WORDS) {
    return throw_type_error(env, "table, arena or stuck is too short");
  }
  // The arrays whose memory is used directly are held together by one object.
  napi_value kept = nullptr;
  if (napi_create_array(env, &kept) != napi_ok) return nullptr;
  for (const int index : {1, 2, 3, 4, 5, 6}) napi_set_element(env, kept, static_cast<std::uint32_t>(index), arguments[index]);
  auto host = std::make_unique<EngineHost>(env, make_watch(has_libuv), memory);
  const bool is_open = host != nullptr && host->open(arguments[0], kept);
  if (is_open) instance_of(env).engine = host.release();
  napi_value result = nullptr;
  napi_get_boolean(env, is_open, &result);
  return result;
}

// engineAdopt(descriptor, isOwned, head): takes a duplicate of a connected socket over; one that is owned is closed. Returns its slot, or -1 on refusal.
napi_value adopt(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  bool is_owned = false;
  std::int32_t descriptor = -1;
  std::span<std::uint8_t> head;
  EngineHost* host = host_of(env);
  if (host == nullptr || !read_arguments(env, info, arguments)) return nullptr;
  if (napi_get_value_int32(env, arguments[0], &descriptor) != napi_ok || descriptor < 0) {
    return throw_type_error(env, "descriptor must be a number that is not negative");
  }
  if (napi_get_value_bool(env, arguments[1], &is_owned) != napi_ok) {
    return throw_type_error(env, "isOwned must be a boolean");
  }
  if (!read_bytes(env, arguments[2], head)) return throw_type_error(env, "head must be a Uint8Array");
  const Descriptor original(is_owned ? descriptor : -1);
  Descriptor own(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  const std::int32_t slot = own.is_open() ? host->engine().adopt(std::move(own), head) : -1;
  host->update_ref();
  return number(env, slot);
}

// engineListen(descriptor): accepts on a duplicate of a listening socket. Returns the listener's number, or -1 on refusal.
napi_value listen(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  std::int32_t descriptor = -1;
  EngineHost* host = host_of(env);
  if (host == nullptr || !read_arguments(env, info, arguments)) return nullptr;
  if (napi_get_value_int32(env, arguments[0], &descriptor) != napi_ok || descriptor < 0) {
    return throw_type_error(env, "descriptor must be a number that is not negative");
  }
  Descriptor own(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  const std::int32_t listener = own.is_open() ? host->engine().listen(std::move(own)) : -1;
  host->update_ref();
  return number(env, listener);
}

// engineAcceptAgain, engineStopListening(listener).
template <void (Engine::*METHOD)(std::int32_t)>
napi_value call_listener(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  std::int32_t listener = -1;
  EngineHost* host = host_of(env);
  if (host == nullptr || !read_arguments(env, info, arguments)) return nullptr;
  if (napi_get_value_int32(env, arguments[0], &listener) != napi_ok) {
    return throw_type_error(env, "listener must be a number");
  }
  (host->engine().*METHOD)(listener);
  host->update_ref();
  return nullptr;
}

// engineUpgrade(slot, generation, head): what arrives from here on is frames, `head` first.
napi_value upgrade(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  Target target;
  std::span<std::uint8_t> head;
  EngineHost* host = read_call(env, info, arguments, target);
  if (host == nullptr) return nullptr;
  if (!read_bytes(env, arguments[2], head)) return throw_type_error(env, "head must be a Uint8Array");
  host->engine().upgrade(target.slot, target.generation, head);
  return nullptr;
}

// engineRelease(slot, generation): gives a slot's descriptor away. Returns it, or -1 if the slot is not live.
napi_value release(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Target target;
  EngineHost* host = read_call(env, info, arguments, target);
  if (host == nullptr) return nullptr;
  const int descriptor = host->engine().release(target.slot, target.generation).release();
  host->update_ref();
  return number(env, descriptor);
}

// One end of a live slot's socket.
enum class End { LOCAL, REMOTE };

SocketAddress address_at(const Engine& engine, const Target& target, End end) {
  if (!engine.is_live(target.slot, target.generation)) return {};
  return end == End::REMOTE ? engine.peer(target.slot) : engine.local(target.slot);
}

// engineRemoteAddress, engineLocalAddress(slot, generation): the address of the peer, or of this end; null if it has none.
template <End END>
napi_value address(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result = nullptr;
  Target target;
  std::array<char, SocketAddress::TEXT_BYTES> text{};
  EngineHost* host = read_call(env, info, arguments, target);
  if (host == nullptr) return nullptr;
  if (address_at(host->engine(), target, END).write(text)) {
    napi_create_string_latin1(env, text.data(), NAPI_AUTO_LENGTH, &result);
  } else {
    napi_get_null(env, &result);
  }
  return result;
}

// engineRemotePort, engineLocalPort(slot, generation): the port of the peer, or of this end; 0 if it has none.
template <End END>
napi_value port(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Target target;
  EngineHost* host = read_call(env, info, arguments, target);
  if (host == nullptr) return nullptr;
  return number(env, address_at(host->engine(), target, END).port);
}

// engineGeneration(slot): the generation that the other functions and the rows tell a slot's connection by.
napi_value generation(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  std::int32_t slot = -1;
  EngineHost* host = host_of(env);
  if (host == nullptr || !read_arguments(env, info, arguments)) return nullptr;
  if (napi_get_value_int32(env, arguments[0], &slot) != napi_ok || !host->engine().has_slot(slot)) {
    return throw_type_error(env, "slot must be one that engineAdopt returned");
  }
  return number(env, host->engine().generation(slot));
}

// A Uint8Array that waits to be sent, or to be received into: held by a reference, its memory looked up at each use.
class KeptArray : public Kept {
 public:
  KeptArray(napi_env env, napi_value array) : env_(env) { napi_create_reference(env, array, 1, &array_); }
  KeptArray(const KeptArray&) = delete;
  KeptArray& operator=(const KeptArray&) = delete;
  ~KeptArray() override {
    if (array_ != nullptr) napi_delete_reference(env_, array_);
  }

  std::span<std::uint8_t> bytes() const override {
    napi_handle_scope scope = nullptr;
    napi_value array = nullptr;
    std::span<std::uint8_t> found;
    if (array_ == nullptr || napi_open_handle_scope(env_, &scope) != napi_ok) return found;
    if (napi_get_reference_value(env_, array_, &array) == napi_ok) read_bytes(env_, array, found);
    napi_close_handle_scope(env_, scope);
    return found;
  }

 private:
  napi_env env_;
  napi_ref array_ = nullptr;
};

// The Uint8Arrays of a JavaScript array.
class PieceArrays : public Pieces {
 public:
  explicit PieceArrays(napi_env env) : env_(env) {}

  // Fetches the elements. These may be anything, getters even: all of them run here, none while bytes are used. Returns
  // false if `array` is no array or too long, or if a getter threw.
  bool read(napi_value array, std::uint32_t max_count) {
    bool is_array = false;
    std::uint32_t count = 0;
    if (napi_is_array(env_, array, &is_array) != napi_ok || !is_array ||
        napi_get_array_length(env_, array, &count) != napi_ok || count > max_count) {
      return false;
    }
    arrays_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      if (napi_get_element(env_, array, i, &arrays_[i]) != napi_ok) return false;
    }
    return true;
  }

  std::span<const std::uint8_t> bytes(std::size_t index) const override {
    std::span<std::uint8_t> found;
    if (index < arrays_.size()) read_bytes(env_, arrays_[index], found);
    return found;
  }

  std::unique_ptr<Kept> keep(std::size_t index) const override {
    if (index >= arrays_.size()) return nullptr;
    return std::make_unique<KeptArray>(env_, arrays_[index]);
  }

 private:
  napi_env env_;
  std::vector<napi_value> arrays_;
};

// engineEncode(texts): encodes a part of the texts that the next `engineSend` is about, behind those before it.
napi_value encode(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  EngineHost* host = host_of(env);
  if (host == nullptr || !read_arguments(env, info, arguments)) return nullptr;
  if (!host->texts().add(env, arguments[0])) return throw_type_error(env, "texts must be a string");
  return nullptr;
}

// engineSend(recordCount, pieces, texts): sends records. Returns how many slots are listed in `stuck`.
napi_value send(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  std::uint32_t count = 0;
  if (!read_arguments(env, info, arguments)) return nullptr;
  PieceArrays pieces(env);
  const bool are_read = pieces.read(arguments[1], MAX_PIECES);
  // Not before: a getter may have done anything.
  EngineHost* host = host_of(env);
  if (host == nullptr) return nullptr;
  if (!are_read) return throw_type_error(env, "pieces must be an array, and not too long");
  const HostMemory& memory = host->memory();
  if (napi_get_value_uint32(env, arguments[0], &count) != napi_ok ||
      count > memory.records.size() / Engine::RECORD_WORDS) {
    return throw_type_error(env, "recordCount must be a number within the records");
  }
  const auto records = memory.records.first(count * Engine::RECORD_WORDS);
  if (!host->texts().add(env, arguments[2]) || !host->texts().frame(records, memory.text_lengths)) {
    return throw_type_error(env, "texts must be a string of the texts that the records and textLengths tell of");
  }
  const SendMemory sent{records, memory.send_arena, host->texts().bytes(), pieces};
  return number(env, static_cast<double>(host->engine().send(sent, memory.stuck)));
}

// engineReceiveInto(slot, generation, bytes): lends memory for the rest of the frame at hand. Returns whether it is taken.
napi_value receive_into(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  Target target;
  std::span<std::uint8_t> bytes;
  EngineHost* host = read_call(env, info, arguments, target);
  if (host == nullptr) return nullptr;
  if (!read_bytes(env, arguments[2], bytes)) return throw_type_error(env, "bytes must be a Uint8Array");
  auto kept = std::make_unique<KeptArray>(env, arguments[2]);
  napi_value result = nullptr;
  napi_get_boolean(env, host->engine().receive_into(target.slot, target.generation, std::move(kept)), &result);
  return result;
}

// engineKeepTexts, engineRef, engineUnref, enginePause, engineResume, engineEnd, engineEndBehind, engineClose(slot, generation).
template <void (Engine::*METHOD)(std::int32_t, std::int32_t)>
napi_value call_engine(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Target target;
  EngineHost* host = read_call(env, info, arguments, target);
  if (host == nullptr) return nullptr;
  (host->engine().*METHOD)(target.slot, target.generation);
  host->update_ref();
  return nullptr;
}

}  // namespace

void define_engine(napi_env env, napi_value exports) {
  const auto function = [](const char* name, napi_callback callback) {
    return napi_property_descriptor{name,    nullptr, callback,     nullptr, nullptr,
                                    nullptr, napi_enumerable, nullptr};
  };
  const napi_property_descriptor functions[] = {
      function("engineOpen", open),
      function("engineAdopt", adopt),
      function("engineListen", listen),
      function("engineAcceptAgain", call_listener<&Engine::accept_again>),
      function("engineStopListening", call_listener<&Engine::stop_listening>),
      function("engineUpgrade", upgrade),
      function("engineRelease", release),
      function("engineRemoteAddress", address<End::REMOTE>),
      function("engineRemotePort", port<End::REMOTE>),
      function("engineLocalAddress", address<End::LOCAL>),
      function("engineLocalPort", port<End::LOCAL>),
      function("engineGeneration", generation),
      function("engineEncode", encode),
      function("engineSend", send),
      function("engineReceiveInto", receive_into),
      function("engineKeepTexts", call_engine<&Engine::keep_texts>),
      function("engineRef", call_engine<&Engine::ref>),
      function("engineUnref", call_engine<&Engine::unref>),
      function("enginePause", call_engine<&Engine::pause>),
      function("engineResume", call_engine<&Engine::resume>),
      function("engineEnd", call_engine<&Engine::end>),
      function("engineEndBehind", call_engine<&Engine::end_behind>),
      function("engineClose", call_engine<&Engine::close>),
  };
  napi_define_properties(env, exports, std::size(functions), functions);
}

}  // namespace hotsocket
