#include "tests/bench/program.h"

#include <exception>
#include <iostream>

namespace pgtls::bench {

int RunProgram(int argc, char** argv, const std::string& usage,
               const std::function<int(const std::vector<std::string>& arguments)>& run) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::cerr << "usage: " << usage << '\n';
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << usage.substr(0, usage.find(' ')) << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace pgtls::bench
