// How many sessions of the exporter itself the servers have counted in their statistics.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace pgtls::sessions {

// The server counted it between the two.
struct OwnLogin {
  std::chrono::steady_clock::time_point began;
  std::chrono::steady_clock::time_point known;
};

// In one database of one server.
struct OwnSessions {
  // Identifies this count: a server and database that were forgotten begin a new one at 0.
  std::uint64_t account = 0;
  std::uint64_t total = 0;
  // The latest of them, in the order in which they became known.
  std::deque<OwnLogin> recent;
  // Logins in progress that may belong here: the server may have counted them already.
  std::size_t pending = 0;
};
using OwnSessionsByDatabase = std::map<std::string, OwnSessions, std::less<>>;

// By server, which the start of its postmaster identifies, and database. Not thread-safe.
class OwnSessionAccounts {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // How many of OwnSessions::recent are kept at most, and for how long.
  static constexpr std::size_t kMostRecent = 200;
  static constexpr std::chrono::minutes kRecent{15};
  // A server with no session of the exporter for that long is forgotten.
  static constexpr std::chrono::hours kIdle{26};

  // A session that is known now. `cluster`: the start of the postmaster in microseconds since the epoch.
  void Add(std::int64_t cluster, std::string_view database, OwnLogin login);
  OwnSessionsByDatabase Of(std::int64_t cluster) const;

 private:
  void DropIdle(TimePoint now);

  std::map<std::int64_t, OwnSessionsByDatabase> clusters_;
  std::uint64_t last_account_ = 0;
  TimePoint next_drop_ = TimePoint::min();
};

}  // namespace pgtls::sessions
