// The log of a PostgreSQL server over SQL: how it is written, and its files through tls_exporter.log_records() of
// deploy/sql/monitoring_role.sql.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/serverlog/follow.h"

namespace pgtls::postgres {

struct LogSettings {
  std::chrono::sys_time<std::chrono::milliseconds> now;  // by the server's clock
  std::chrono::seconds utc_offset{0};                    // of log_timezone, now
  double load_time = 0;  // when this session loaded the configuration, seconds since the epoch
  bool logging_collector = false;
  std::string destination;   // log_destination
  std::string connections;   // log_connections: "on", "off", or the stages (18 and later)
  std::string line_prefix;   // log_line_prefix
  std::string messages;      // lc_messages
  std::string min_messages;  // log_min_messages
  // Whether lc_messages or log_min_messages is set for this role, database or session: others have other values.
  bool own_messages = false;
  bool own_min_messages = false;
  bool host_names = false;     // log_hostname
  std::string directory;       // log_directory, absolute where data_directory is known
  std::string filename;        // log_filename
  std::string data_directory;  // empty: not visible
  std::string port;
  double postmaster_start = 0;  // seconds since the epoch
  double session_start = 0;     // of this session, which is in the log
  bool has_function = false;    // whether the role may call log_records()

  // Whether the server writes this format to files.
  bool Writes(serverlog::Format format) const;
  // Whether it logs each session when it is authorized.
  bool LogsSessions() const;
};

// Throws DbError and TimeoutError.
asio::awaitable<LogSettings> ReadLogSettings(db::Session& session, Deadline deadline);

// The files of one format in log_directory. Requests throw DbError and TimeoutError. The session must outlive it.
class SqlLog : public serverlog::Source {
 public:
  SqlLog(db::Session& session, serverlog::Format format, Deadline deadline);

  // Only regular files: the server lists no others.
  asio::awaitable<std::vector<serverlog::LogFile>> List() override;
  // Throws Error if the server cannot read the file.
  asio::awaitable<serverlog::Piece> Read(serverlog::Position from, std::size_t most_bytes) override;

 private:
  db::Session& session_;
  serverlog::Format format_;
  Deadline deadline_;
};

}  // namespace pgtls::postgres
