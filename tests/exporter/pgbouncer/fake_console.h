// Consoles of PgBouncers that show what the test has set.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/error.h"
#include "exporter/db/session.h"

namespace pgtls::pgbouncer::testing {

using Texts = std::vector<std::optional<std::string>>;

struct Row {
  std::string user = "app";
  std::string database = "shop";
  std::string state = "active";
  std::string addr = "10.1.2.3";
  std::string port = "40000";
  std::string connect_time = "2026-11-27 14:00:00 UTC";
  std::string remote_pid = "0";
  std::string tls = {};
  std::string application_name = {};
  std::string id = "7";
};

// A console that shows what the test has set.
class FakeConsole : public db::Session {
 public:
  asio::awaitable<std::vector<db::Answer>> QueryAll(std::vector<db::Request> requests,
                                                    Deadline /*it answers at once*/) override {
    if (fails) throw Error(FailureReason::kConnection, "it is gone");
    std::vector<db::Answer> answers;
    for (const auto& [statement, parameters] : requests) {
      const auto& [columns, rows] = tables.at(std::string(statement.sql));
      answers.emplace_back(db::Result::FromRows(columns, rows));
    }
    co_return answers;
  }
  int server_version() const override { return version; }
  int backend_pid() const override { return pid; }

  void Show(const std::vector<Row>& rows, const std::string& command = "SHOW CLIENTS") {
    std::vector<std::string> columns = {"type",         "user",         "database", "state",      "addr", "port",
                                        "connect_time", "request_time", "ptr",      "remote_pid", "tls"};
    if (version >= 11800) columns.emplace_back("application_name");
    if (version >= 12400) columns.emplace_back("id");
    std::vector<Texts> table;
    for (const Row& row : rows) {
      Texts cells = {"C",
                     row.user,
                     row.database,
                     row.state,
                     row.addr,
                     row.port,
                     row.connect_time,
                     "2026-11-27 14:12:18 UTC",
                     "0x5625632" + row.id,
                     row.remote_pid,
                     row.tls};
      if (version >= 11800) cells.emplace_back(row.application_name);
      if (version >= 12400) cells.emplace_back(row.id);
      table.push_back(std::move(cells));
    }
    tables[command] = {columns, table};
  }

  bool fails = false;
  int version = 12401;
  int pid = 1;
  std::map<std::string, std::pair<std::vector<std::string>, std::vector<Texts>>> tables = {
      {"SHOW LISTS", {{"list", "items"}, {{"used_clients", "1"}, {"login_clients", "0"}}}},
  };
};

}  // namespace pgtls::pgbouncer::testing
