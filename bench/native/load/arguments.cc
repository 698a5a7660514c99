#include "arguments.h"

#include <charconv>

#include "process.h"

Arguments::Arguments(int count, char** values) {
  for (int i = 0; i < count; i++) {
    const std::string pair = values[i];
    const size_t equals = pair.find('=');
    if (equals == std::string::npos) fail("expected NAME=VALUE, not " + pair);
    values_[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
}

const std::string& Arguments::text(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) fail("missing " + name + "=");
  return found->second;
}

size_t Arguments::number(const std::string& name) const {
  const std::string& value = text(name);
  size_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) fail(name + " must be a number, not " + value);
  return number;
}
