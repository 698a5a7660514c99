#include "port-binding.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "../engine/shared-port.h"
#include "arguments.h"

namespace hotsocket {
namespace {

// Room for the longest numeric address with the name of an interface, and for the zero behind it.
using Address = std::array<char, 128>;
constexpr std::int32_t MAX_PORT = 65'535;

// What does not fit, or goes on behind a zero, is none: a part of it could be another address.
bool read_address(napi_env env, napi_value value, Address& address) {
  std::size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok || length >= address.size()) return false;
  return napi_get_value_string_utf8(env, value, address.data(), address.size(), &length) == napi_ok &&
         std::strlen(address.data()) == length;
}

// bindSharedPort(address, port): binds a TCP socket. Returns its descriptor, the caller's from here on, or -errno.
napi_value bind_port(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Address address{};
  std::int32_t port = -1;
  if (!read_arguments(env, info, arguments)) return nullptr;
  if (!read_address(env, arguments[0], address)) return throw_type_error(env, "address must be an address as a string");
  if (napi_get_value_int32(env, arguments[1], &port) != napi_ok || port < 0 || port > MAX_PORT) {
    return throw_type_error(env, "port must be a number from 0 to 65535");
  }
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%d", port);
  SharedPort bound = bind_shared_port(address.data(), digits.data());
  napi_value result = nullptr;
  napi_create_int32(env, bound.socket.is_open() ? bound.socket.release() : -bound.error, &result);
  return result;
}

}  // namespace

void define_shared_port(napi_env env, napi_value exports) {
  napi_value function = nullptr;
  if (napi_create_function(env, "bindSharedPort", NAPI_AUTO_LENGTH, bind_port, nullptr, &function) != napi_ok) return;
  napi_set_named_property(env, exports, "bindSharedPort", function);
}

}  // namespace hotsocket
