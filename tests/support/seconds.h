// Times in whole seconds, as pg_stat_file has them.
#pragma once

#include <chrono>

#include "tests/support/files.h"

namespace pgtls::support {

// What happens from now on happens in a later second, as to the kernel's clock tick: a file of the second of a load may
// have been written after it.
inline void LetASecondPass() {
  using std::chrono::system_clock;
  const auto next = std::chrono::ceil<std::chrono::seconds>(system_clock::now()) + std::chrono::milliseconds(30);
  WaitUntil([&] { return system_clock::now() > next; });
}

}  // namespace pgtls::support
