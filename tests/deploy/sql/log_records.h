// tls_exporter.log_records() of deploy/sql/monitoring_role.sql on a real server that writes every format of the log.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/postgres_server.h"

namespace pgtls {

struct LogPiece {
  std::size_t next = 0;
  int next_state = 0;
  std::string next_mark;  // in hexadecimal
  bool at_end = false;
  std::size_t skipped = 0;
  int ambiguous = 0;
  std::string problem;  // empty: none
  std::string records;
};

struct LogPosition {
  std::size_t start = 0;
  int state = 0;
  std::string mark;  // empty: no check
};

inline std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

inline std::string Unhex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

class LogServer {
 public:
  explicit LogServer(support::PostgresOptions options = {}) : server_(WithLog(std::move(options))) {
    server_.RunSqlFile("deploy/sql/monitoring_role.sql");
    // Reading the log does not make it longer.
    server_.Execute("ALTER ROLE tls_exporter SET log_statement = 'none'");
    server_.Execute("ALTER ROLE tls_exporter SET log_min_duration_statement = -1");
  }

  support::PostgresServer& server() { return server_; }

  // The log files that the server writes, one of each format that it has.
  std::vector<std::string> Files() const {
    return server_.major() >= 15 ? std::vector<std::string>{"pg.json", "pg.csv", "pg.log"}
                                 : std::vector<std::string>{"pg.csv", "pg.log"};
  }
  std::string Path(const std::string& file) const { return server_.data_dir() + "/log/" + file; }
  std::string Content(const std::string& file) const { return support::ReadFile(Path(file)); }
  // A file in the log directory that the server did not write.
  void Write(const std::string& file, const std::string& content, mode_t mode = 0600) const {
    server_.WriteDataFile("log/" + file, content, mode);
  }

  // Waits until everything that was logged before is in the files.
  void Flush() {
    const std::string word = "flushed" + std::to_string(++flushes_) + ".";
    server_.Execute("DO $$BEGIN RAISE LOG '" + word + "'; END$$");
    for (const std::string& file : Files()) {
      ASSERT_TRUE(support::WaitUntil([&] {
        const std::string content = Content(file);
        return content.contains(word) && content.ends_with('\n');
      })) << file;
    }
  }

  std::string Conninfo() const { return server_.SocketConninfo("user=tls_exporter"); }

  LogPiece Read(support::Client& client, const std::string& file, const LogPosition& position = {},
                int size = 16 << 20) const {
    const auto row = client.Query(
        "SELECT next, next_state, encode(next_mark, 'hex'), at_end, skipped, ambiguous, problem, "
        "encode(records, 'hex') FROM tls_exporter.log_records('" +
        file + "', " + std::to_string(position.start) + ", " + std::to_string(size) + ", " +
        std::to_string(position.state) + "::smallint, " +
        (position.mark.empty() ? "NULL" : "'\\x" + position.mark + "'") + ")")[0];
    if (row[6]) {
      for (std::size_t i = 0; i < row.size(); ++i) EXPECT_TRUE(i == 6 || !row[i]) << i;
      return {.problem = *row[6]};
    }
    return {.next = std::stoul(row[0].value()),
            .next_state = std::stoi(row[1].value()),
            .next_mark = row[2].value(),
            .at_end = row[3] == "t",
            .skipped = std::stoul(row[4].value()),
            .ambiguous = std::stoi(row[5].value()),
            .problem = "",
            .records = Unhex(row[7].value())};
  }
  LogPiece Read(const std::string& file, const LogPosition& position = {}, int size = 16 << 20) const {
    support::Client client(Conninfo());
    return Read(client, file, position, size);
  }

  // The whole file in pieces of this size, without the record that has only a time, which ends each piece.
  LogPiece ReadAll(support::Client& client, const std::string& file, int size) const {
    LogPiece all;
    LogPosition position;
    for (;;) {
      LogPiece piece = Read(client, file, position, size);
      if (!piece.problem.empty()) throw std::runtime_error(file + ": " + piece.problem);
      if (!piece.at_end && piece.next == position.start && piece.next_state == position.state) {
        throw std::runtime_error(file + ": no progress at " + std::to_string(piece.next));
      }
      all.records += WithoutTime(file, piece.records);
      all.skipped += piece.skipped;
      all.ambiguous += piece.ambiguous;
      position = {piece.next, piece.next_state, piece.next_mark};
      if (piece.at_end) {
        all.next = piece.next;
        all.next_state = piece.next_state;
        all.at_end = true;
        return all;
      }
    }
  }

  static std::string WithoutTime(const std::string& file, std::string records) {
    if (records.empty()) return records;
    const std::size_t begin = records.rfind('\n', records.size() - 2) + 1;  // npos + 1 is 0
    const std::string last = records.substr(begin);
    const bool only_time = file.contains(".json") ? last.ends_with(" UTC\"}\n") && last.starts_with("{\"timestamp\":\"")
                           : file.contains(".csv") ? last.ends_with(" UTC,,,,,,,,,,,,,,,,,,,,,,,,,\n")
                                                   : last.ends_with("LOG:  \n");
    if (only_time) records.resize(begin);
    return records;
  }

 private:
  static support::PostgresOptions WithLog(support::PostgresOptions options) {
    const std::vector<std::string> settings = {
        "logging_collector = on",
        "log_directory = 'log'",
        "log_filename = 'pg.log'",
        options.major >= 15 ? "log_destination = 'stderr,csvlog,jsonlog'" : "log_destination = 'stderr,csvlog'",
        options.major >= 18 ? "log_connections = 'receipt,authentication,authorization'" : "log_connections = on",
        "log_statement = 'all'",
        "log_min_duration_statement = 0",
    };
    options.settings.insert(options.settings.begin(), settings.begin(), settings.end());
    return options;
  }

  support::PostgresServer server_;
  int flushes_ = 0;
};

}  // namespace pgtls
