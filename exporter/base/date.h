// Points in time and ages as text for people.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace pgtls {

// "2027-01-15 08:00:00 UTC".
inline std::string Date(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

// "12 s", "5 min", "3 h", "4 d".
inline std::string AgeText(std::chrono::seconds age) {
  using namespace std::chrono;
  if (age < minutes(2)) return fmt::format("{} s", age.count());
  if (age < hours(2)) return fmt::format("{} min", floor<minutes>(age).count());
  if (age < days(2)) return fmt::format("{} h", floor<hours>(age).count());
  return fmt::format("{} d", floor<days>(age).count());
}

}  // namespace pgtls
