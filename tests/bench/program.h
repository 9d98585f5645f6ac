// What the main() of a benchmark does.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace pgtls::bench {

// Runs `run` with the arguments: its exit code, 1 where it throws, 2 without any argument. `usage`: the program's name
// and what it takes.
int RunProgram(int argc, char** argv, const std::string& usage,
               const std::function<int(const std::vector<std::string>& arguments)>& run);

}  // namespace pgtls::bench
