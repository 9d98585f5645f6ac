// How much of what happened sampling saw, as a fact for the audit and the status page.
#pragma once

#include <chrono>
#include <cstdint>

namespace pgtls::sessions {

// Sessions of the last hour, without the exporter's own.
struct SeenSessions {
  std::uint64_t established = 0;  // by the server's statistics
  std::uint64_t sampled = 0;      // of them, those that were seen at least once
  // For how long they have been counted, at most an hour, in steps of a quarter.
  std::chrono::minutes observed{0};

  friend bool operator==(const SeenSessions&, const SeenSessions&) = default;
};

}  // namespace pgtls::sessions
