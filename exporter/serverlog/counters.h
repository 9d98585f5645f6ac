// Counts by what connections have in common, with a limit on their number.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>

namespace pgtls::serverlog {

using SteadyTime = std::chrono::steady_clock::time_point;

// Counters that never decrease. At most `max_series` keys have one of their own; the others are counted under
// Key::Folded(). A key that has not counted for a week gives its place to a new one.
template <typename Key>
class Counters {
 public:
  struct Counter {
    std::size_t count = 0;
    SteadyTime last;
  };

  void Add(const Key& key, SteadyTime now, std::size_t max_series) {
    if (const auto known = counters_.find(key); known != counters_.end()) return Count(known->second, now);
    const bool fits = named_ < max_series || DropIdle(now);
    if (fits) {
      ++named_;
      return Count(counters_[key], now);
    }
    ++folded_;
    Count(counters_[key.Folded()], now);
  }

  const std::map<Key, Counter>& counters() const { return counters_; }
  std::size_t folded() const { return folded_; }  // counted under folded keys

 private:
  static constexpr std::chrono::hours kIdle{7 * 24};

  static void Count(Counter& counter, SteadyTime now) {
    ++counter.count;
    counter.last = now;
  }

  bool DropIdle(SteadyTime now) {
    const auto idle = std::ranges::find_if(counters_, [&](const auto& entry) {
      return now - entry.second.last >= kIdle && entry.first != entry.first.Folded();
    });
    if (idle == counters_.end()) return false;
    counters_.erase(idle);
    --named_;
    return true;
  }

  std::map<Key, Counter> counters_;
  std::size_t named_ = 0;
  std::size_t folded_ = 0;
};

// How often each key was counted within the last `window`, to a sixtieth of it.
template <typename Key>
class WindowCounts {
 public:
  // `at`: when it happened, at most `now`. What was before the window does not count.
  void Add(const Key& key, SteadyTime at, SteadyTime now, std::chrono::seconds window, std::size_t max_series) {
    Expire(now, window);
    if (now - at >= window) return;
    const bool known = counts_.contains(key);
    Slots& slots = counts_[known || counts_.size() < max_series ? key : key.Folded()];
    slots.Advance(Slot(now, window));
    ++slots.At(Slot(at, window));
  }

  // Keys with their counts, none of which is 0.
  std::map<Key, std::size_t> Current(SteadyTime now, std::chrono::seconds window) {
    Expire(now, window);
    std::map<Key, std::size_t> current;
    for (const auto& [key, slots] : counts_) current[key] = slots.Sum();
    return current;
  }

 private:
  static constexpr std::int64_t kSlots = 60;

  struct Slots {
    std::array<std::uint32_t, std::size_t{kSlots}> counts{};
    std::int64_t last = 0;  // the slot of the last count

    std::uint32_t& At(std::int64_t slot) {
      Advance(slot);
      return counts[static_cast<std::size_t>(slot % kSlots)];
    }
    // Clears the slots after the last one up to this one.
    void Advance(std::int64_t slot) {
      const std::int64_t steps = std::min(slot - last, kSlots);
      for (std::int64_t i = 0; i < steps; ++i) counts[static_cast<std::size_t>((slot - i) % kSlots)] = 0;
      last = std::max(last, slot);
    }
    std::size_t Sum() const {
      std::size_t sum = 0;
      for (const std::uint32_t count : counts) sum += count;
      return sum;
    }
  };

  static std::int64_t Slot(SteadyTime now, std::chrono::seconds window) {
    return now.time_since_epoch() / (std::chrono::nanoseconds(window) / kSlots);
  }

  // What is in the old window stays for as long as the new one.
  void ChangeWindow(SteadyTime now, std::chrono::seconds window) {
    window_ = window;
    for (auto& [key, slots] : counts_) {
      const std::size_t sum = slots.Sum();
      slots = Slots();
      slots.At(Slot(now, window)) = static_cast<std::uint32_t>(sum);
    }
  }

  void Expire(SteadyTime now, std::chrono::seconds window) {
    if (window != window_) ChangeWindow(now, window);
    for (auto& [key, slots] : counts_) slots.Advance(Slot(now, window));
    std::erase_if(counts_, [](const auto& entry) { return entry.second.Sum() == 0; });
  }

  std::map<Key, Slots> counts_;
  std::chrono::seconds window_{0};
};

}  // namespace pgtls::serverlog
