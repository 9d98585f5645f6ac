// The console's times: local time to the second, "2026-11-27 14:12:18 UTC".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pgtls::pgbouncer {

// Turns them into microseconds since the epoch. The name of a zone does not say how far it is from UTC; that follows
// from the console's time now, as far as this machine's clock is right to a few minutes.
class ConsoleClock {
 public:
  // `text` is the console's time at `now`. Throws Error where it is none.
  void Set(std::string_view text, std::chrono::system_clock::time_point now);
  // Times of the other half of the year have their own name of the zone: exact once that was the time now, and else an
  // hour off. Throws Error for a text that is no time.
  std::int64_t Microseconds(std::string_view text) const;

 private:
  std::map<std::string, std::chrono::seconds, std::less<>> offsets_;  // by the zone's name
  std::chrono::seconds latest_offset_{};
};

}  // namespace pgtls::pgbouncer
