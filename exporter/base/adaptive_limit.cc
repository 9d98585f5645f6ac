#include "exporter/base/adaptive_limit.h"

#include <algorithm>

namespace pgtls {

void AdaptiveLimit::Add(const std::string& server, Answer answer, Time asked, Time now, bool more_wait) {
  // Already counted as silent.
  const bool news = answer != Answer::kNone ? (silent_.erase(server), true) : silent_.insert(server).second;
  if (!news || asked < decreased_) return;
  if (window_.servers() == 0) window_.start = now;
  auto& kind = answer == Answer::kNone ? window_.silent : answer == Answer::kLate ? window_.late : window_.in_time;
  kind.insert(server);
  if (answer == Answer::kQuick && ++quick_ >= limit_ && more_wait && !overloaded_) {
    quick_ = 0;
    limit_ = std::min(limit_ + 1, bounds_.most);
  }
  const Time::duration age = now - window_.start;
  const bool judged = age >= std::chrono::seconds(1) && window_.servers() >= Window::kLeastServers;
  // A full window may have too few servers: the others died, or were removed.
  if (judged || (overloaded_ && age >= Window::kLongest)) Judge(now);
}

void AdaptiveLimit::Judge(Time now) {
  overloaded_ =
      window_.late.size() >= kLeastLate && window_.late.size() + window_.silent.size() > window_.in_time.size();
  if (overloaded_) {
    limit_ = std::max(limit_ / 2, bounds_.least);
    decreased_ = now;
    quick_ = 0;
  }
  window_ = {};
}

}  // namespace pgtls
