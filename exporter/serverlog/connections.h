// What the log says about connections, one after another: what is in several records of one connection is put together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "exporter/serverlog/message.h"
#include "exporter/serverlog/record.h"

namespace pgtls::serverlog {

// A connection as its records identify it. The exporter's own are recognized by it.
struct Connection {
  std::optional<LogTime> time;                                            // of the record
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> epoch;  // the same, if the log has it
  int pid = 0;                                                            // 0: not known
  std::optional<std::int64_t> session_start_s;
  std::string host;  // address, "[local]", or a name; empty: not known
  std::optional<int> port;
  std::string user;      // empty: not known
  std::string database;  // empty for physical replication
};

struct LoggedSession {
  Connection connection;
  std::string application_name;
  Encryption said = Encryption::kNone;
  bool certain = true;              // Authorized::certain
  bool names_certain = true;        // Authorized::names_certain
  bool application_certain = true;  // Authorized::application_certain
  bool doubtful = false;            // Authorized::doubtful: then its connection is not known
  std::optional<Authenticated> rule;
};

// A connection is logged as authorized at most so long after it began: authentication_timeout's maximum.
inline constexpr std::chrono::minutes kLongestLogin{10};

struct LoggedAuthentication {
  Connection connection;
  Authenticated rule;
};

struct LoggedRejection {
  Connection connection;
  Encryption encryption = Encryption::kNone;
  bool no_entry = false;
};

struct LoggedHandshakeFailure {
  Connection connection;
  std::string_view reason;
};

struct LoggedEvents {
  std::vector<LoggedSession> sessions;
  std::vector<LoggedAuthentication> authentications;
  std::vector<LoggedRejection> rejections;
  std::vector<LoggedHandshakeFailure> handshake_failures;
};

// Reads records in the order of the log. Remembers what the first records of a connection say, by its pid, until it is
// authorized; of many connections that never are, the oldest are forgotten. Not thread-safe.
class ConnectionReader {
 public:
  // Adds what `record` says to `events`.
  void Read(const Record& record, LoggedEvents& events);
  // The log has a gap: what was before says nothing about the connections after it.
  void Forget();

 private:
  struct Begun {
    std::optional<LogTime> time;
    std::optional<std::int64_t> session_start_s;
    std::string host;
    std::optional<int> port;
    std::optional<Authenticated> rule;
  };
  static constexpr std::size_t kMost = 10'000;

  // What is known of the record's connection; null if nothing is.
  Begun* Find(const Record& record);
  Begun& Begin(const Record& record);
  Connection ConnectionOf(const Record& record);

  std::unordered_map<int, Begun> begun_;
  std::deque<int> order_;  // of their pids, oldest first; may have some that are gone
};

}  // namespace pgtls::serverlog
