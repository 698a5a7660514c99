// Owns what the command line asks for: NAME=VALUE pairs, all numbers but `kind`. A missing one ends the program.
#pragma once

#include <cstddef>
#include <map>
#include <string>

class Arguments {
 public:
  Arguments(int count, char** values);
  size_t number(const std::string& name) const;
  const std::string& text(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;
};
