#include "tests/support/client.h"

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "tests/support/files.h"

namespace pgtls::support {
namespace {

PGconn* Connect(const std::string& conninfo) {
  PGconn* connection = PQconnectdb((conninfo + " connect_timeout=30").c_str());
  // Warnings of a server belong into no test's output.
  PQsetNoticeProcessor(connection, [](void*, const char*) {}, nullptr);
  return connection;
}

}  // namespace

Client::Client(const std::string& conninfo) : connection_(Connect(conninfo)) {
  if (PQstatus(connection_) == CONNECTION_OK) return;
  const std::string message = PQerrorMessage(connection_);
  PQfinish(connection_);
  throw std::runtime_error(message);
}

Client::~Client() { PQfinish(connection_); }

Client::Client(Client&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}

std::optional<std::string> Client::WhyNot(const std::string& conninfo) {
  PGconn* connection = Connect(conninfo);
  std::optional<std::string> message;
  if (PQstatus(connection) != CONNECTION_OK) message = PQerrorMessage(connection);
  PQfinish(connection);
  return message;
}

Rows Client::Query(const std::string& sql) {
  PGresult* result = PQexec(connection_, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    const std::string message = PQerrorMessage(connection_);
    PQclear(result);
    throw std::runtime_error(sql + ": " + message);
  }
  Rows rows(static_cast<std::size_t>(PQntuples(result)));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (int column = 0; column < PQnfields(result); ++column) {
      const int at = static_cast<int>(row);
      if (PQgetisnull(result, at, column) != 0) {
        rows[row].emplace_back();
      } else {
        rows[row].emplace_back(
            std::string(PQgetvalue(result, at, column), static_cast<std::size_t>(PQgetlength(result, at, column))));
      }
    }
  }
  PQclear(result);
  return rows;
}

std::string Client::Value(const std::string& sql) {
  const Rows rows = Query(sql);
  if (rows.size() != 1 || rows[0].size() != 1) throw std::runtime_error(sql + ": not one value");
  return rows[0][0].value_or("");
}

void Client::Send(const std::string& sql) {
  if (PQsendQuery(connection_, sql.c_str()) != 1) throw std::runtime_error(PQerrorMessage(connection_));
}

void Client::Close() {
  const std::string process = "/proc/" + std::to_string(pid());
  PQfinish(std::exchange(connection_, nullptr));
  if (!WaitUntil([&] { return !std::filesystem::exists(process); })) throw std::runtime_error("a session does not end");
}

}  // namespace pgtls::support
