// A record of PostgreSQL's log, whatever its format (src/backend/utils/error/elog.c, csvlog.c, jsonlog.c).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgtls::serverlog {

enum class Format : std::uint8_t { kJson, kCsv, kStderr };

// The format that the server gives a file of this name: ".json", ".csv", else stderr.
Format FormatOf(std::string_view file_name);

// By the zone of log_timezone, which a record names by an abbreviation only.
using LogTime = std::chrono::local_time<std::chrono::milliseconds>;

// "2026-11-27 20:53:19.231 UTC", with or without the milliseconds. nullopt: something else.
std::optional<LogTime> ParseLogTime(std::string_view text);

// Fields that the format, or log_line_prefix, does not have are absent or empty. Text is the server's bytes, not
// necessarily UTF-8.
struct Record {
  std::optional<LogTime> time;
  std::optional<std::chrono::sys_time<std::chrono::milliseconds>> epoch;  // %n of log_line_prefix
  int pid = 0;
  std::optional<std::int64_t> session_start_s;  // of session_id, seconds since the epoch
  // Of the startup packet. Absent: not known; empty: no database.
  std::optional<std::string> user;
  std::optional<std::string> database;
  std::string host;  // address, "[local]", or a name (log_hostname)
  std::optional<int> port;
  std::string command_tag;  // "authentication" while the server authenticates
  std::string severity;     // "LOG", "FATAL"
  std::string message;
  std::string detail;
  bool has_hint = false;
  // Whether it was logged from within a query: then its text is the user's.
  bool has_context = false;
  // Whether a name in the prefix may have changed what the other fields are.
  bool doubtful = false;
};

// How the messages begin that are about a connection.
inline constexpr std::string_view kReceived = "connection received: ";
inline constexpr std::string_view kAuthenticated = "connection authenticated: ";
inline constexpr std::string_view kAuthorized = "connection authorized: ";
inline constexpr std::string_view kReplicationAuthorized = "replication connection authorized: ";
inline constexpr std::string_view kHandshakeFailed = "could not accept SSL connection: ";
inline constexpr std::string_view kRejects = "pg_hba.conf rejects ";
inline constexpr std::string_view kNoEntry = "no pg_hba.conf entry for ";

// A whole number and nothing else; nullopt: something else.
std::optional<int> ParseNumber(std::string_view text);

// Whether `raw` may be about a connection: the cheap test before a record is parsed.
bool MayBeAboutConnection(std::string_view raw);

// Whether a message is one of those that begin a connection's records.
bool BeginsConnectionMessage(std::string_view message);

// "6b09edcc.67e7": start and pid in hex. False: no session id.
bool ReadSessionId(std::string_view text, Record& record);

// "host:port", "[local]", "::1:5432". Sets host and port.
void ReadConnectionFrom(std::string_view text, Record& record);

}  // namespace pgtls::serverlog
