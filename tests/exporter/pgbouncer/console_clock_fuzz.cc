// Whatever a console shows as a time is read or refused.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exporter/base/error.h"
#include "exporter/pgbouncer/console_clock.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    pgtls::pgbouncer::ConsoleClock clock;
    clock.Set(text, std::chrono::system_clock::time_point(std::chrono::seconds(1'795'788'738)));
    static_cast<void>(clock.Microseconds(text));
  } catch (const pgtls::Error&) {
  }
  return 0;
}
