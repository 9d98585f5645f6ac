#include "exporter/pgbouncer/console_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/base/error.h"

namespace pgtls::pgbouncer {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::system_clock;

// 2026-11-27 14:12:18 UTC.
constexpr seconds kTime{1'795'788'738};

system_clock::time_point At(seconds time) { return system_clock::time_point(time); }
std::int64_t Us(seconds time) { return std::chrono::microseconds(time).count(); }

TEST(ConsoleClock, ReadsLocalTimeInAnyZone) {
  for (const auto& [text, earlier] : {std::pair("2026-11-27 14:12:18 UTC", "2026-11-27 13:12:17 UTC"),
                                      std::pair("2026-11-27 15:12:18 CET", "2026-11-27 14:12:17 CET"),
                                      std::pair("2026-11-27 19:57:18 +0545", "2026-11-27 18:57:17 +0545"),
                                      std::pair("2026-11-27 04:12:18 HST", "2026-11-27 03:12:17 HST")}) {
    ConsoleClock clock;
    clock.Set(text, At(kTime) + minutes(3));  // two clocks are never quite equal
    EXPECT_EQ(clock.Microseconds(text), Us(kTime)) << text;
    EXPECT_EQ(clock.Microseconds(earlier), Us(kTime - hours(1) - seconds(1))) << earlier;
  }
}

// A session's start must not move when the clocks are put back: it would be counted as a new one.
TEST(ConsoleClock, KeepsTheZonesThatItHasSeen) {
  ConsoleClock clock;
  const char* const start = "2026-10-25 02:30:00 CEST";
  clock.Set("2026-10-25 02:40:00 CEST", At(kTime));
  const auto ahead = clock.Microseconds("2026-10-25 02:40:00 CEST") - Us(kTime);
  EXPECT_LT(std::abs(ahead), Us(minutes(8)));
  const std::int64_t before = clock.Microseconds(start);
  clock.Set("2026-10-25 02:10:00 CET", At(kTime + minutes(30)));
  EXPECT_EQ(clock.Microseconds(start), before);
}

TEST(ConsoleClock, DoesNotFollowAClockThatIsAFewMinutesOff) {
  ConsoleClock clock;
  const char* const text = "2026-11-27 15:12:18 CET";
  clock.Set(text, At(kTime) + minutes(7));
  const std::int64_t before = clock.Microseconds(text);
  clock.Set(text, At(kTime) + minutes(8));
  EXPECT_EQ(clock.Microseconds(text), before);
}

TEST(ConsoleClock, RefusesWhatIsNoTime) {
  ConsoleClock clock;
  for (const char* text : {"", "2026-11-27", "2026-11-27T14:12:18Z", "2026-13-27 14:12:18 UTC",
                           "2026-02-30 14:12:18 UTC", "yyyy-11-27 14:12:18 UTC", "2026-11-27 14:12:1"}) {
    EXPECT_THROW(clock.Microseconds(text), Error) << text;
    EXPECT_THROW(clock.Set(text, At(kTime)), Error) << text;
  }
}

}  // namespace
}  // namespace pgtls::pgbouncer
