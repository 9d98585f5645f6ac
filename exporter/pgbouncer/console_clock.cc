#include "exporter/pgbouncer/console_clock.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "exporter/base/error.h"
#include "exporter/base/text.h"

namespace pgtls::pgbouncer {
namespace {

using std::chrono::seconds;

struct LocalTime {
  seconds since_epoch;  // as if it were UTC
  std::string_view zone;
};

LocalTime Parse(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd dd:dd:dd";
  constexpr std::size_t kZone = kForm.size() + 1;
  const auto fail = [text] {
    throw Error(FailureReason::kError,
                fmt::format("the console shows the time \"{}\", not one like \"2026-11-27 14:12:18 UTC\"",
                            Printable(text, 60)));
  };
  if (text.size() < kForm.size()) fail();
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) fail();
  }
  const auto number = [text](std::size_t at, std::size_t size) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  const std::chrono::year_month_day date(std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2))));
  if (!date.ok()) fail();
  const seconds time = std::chrono::hours(number(11, 2)) + std::chrono::minutes(number(14, 2)) + seconds(number(17, 2));
  return {std::chrono::sys_days(date).time_since_epoch() + time, text.size() > kZone ? text.substr(kZone) : ""};
}

}  // namespace

void ConsoleClock::Set(std::string_view text, std::chrono::system_clock::time_point now) {
  using Quarters = std::chrono::duration<std::int64_t, std::ratio<900>>;  // all zones are multiples of it
  const LocalTime local = Parse(text);
  const auto ahead = local.since_epoch - std::chrono::floor<seconds>(now.time_since_epoch());
  const auto known = offsets_.find(local.zone);
  // Where the two clocks are half a quarter of an hour apart, the offset must not change from one time to the next.
  constexpr seconds kTolerated = std::chrono::minutes(12);
  const bool same = known != offsets_.end() && std::chrono::abs(ahead - known->second) < kTolerated;
  latest_offset_ = same ? known->second : std::chrono::round<Quarters>(ahead);
  // A server does not change its zone often: more than a few names are no zones.
  if (offsets_.size() > 8) offsets_.clear();
  offsets_.insert_or_assign(std::string(local.zone), latest_offset_);
}

std::int64_t ConsoleClock::Microseconds(std::string_view text) const {
  const LocalTime local = Parse(text);
  const auto known = offsets_.find(local.zone);
  const seconds offset = known == offsets_.end() ? latest_offset_ : known->second;
  return std::chrono::microseconds(local.since_epoch - offset).count();
}

}  // namespace pgtls::pgbouncer
