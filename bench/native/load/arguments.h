// Owns what the command line asks for: NAME=VALUE pairs. A missing one ends the program, unless it is said to be optional.
#pragma once

#include <cstddef>
#include <map>
#include <string>

class Arguments {
 public:
  Arguments(int count, char** values);
  bool has(const std::string& name) const { return values_.contains(name); }
  size_t number(const std::string& name) const;
  const std::string& text(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;
};
