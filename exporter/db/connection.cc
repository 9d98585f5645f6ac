#include "exporter/db/connection.h"

#include <algorithm>

#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/db/sqlstate.h"

namespace pgtls::db {
namespace {

Peer PeerOf(PGconn* conn) {
  Peer peer;
  const char* address = PQhostaddr(conn);
  if (address != nullptr) peer.address = IpAddress::Parse(address);
  peer.host = PQhost(conn);
  peer.port = std::atoi(PQport(conn));  // NOLINT(cert-err34-c): libpq has checked it
  peer.user = PQuser(conn);
  peer.database = PQdb(conn);
  return peer;
}

std::string Trimmed(const char* message) {
  std::string text = message != nullptr ? message : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return Printable(text);
}

}  // namespace

Connection::Connection(const asio::any_io_executor& executor, ConnHandle conn)
    : conn_(std::move(conn)),
      socket_(executor, PQsocket(conn_.get())),
      server_version_(PQserverVersion(conn_.get())),
      backend_pid_(PQbackendPID(conn_.get())),
      peer_(PeerOf(conn_.get())) {
  PQsetnonblocking(conn_.get(), 1);
}

Connection::~Connection() { Close(); }

void Connection::Close() {
  // The descriptor is libpq's: it must leave the reactor before libpq closes it.
  if (socket_.is_open()) socket_.release();
  conn_.reset();
}

void Connection::ThrowLost() {
  const std::string message = Trimmed(PQerrorMessage(conn_.get()));
  throw DbError(FailureReason::kConnection, "", message.empty() ? "the connection was lost" : message);
}

asio::awaitable<Result> Connection::Query(const Statement& statement, Parameters parameters, Deadline deadline) {
  // A wait for the turn that takes too long closes nothing: the connection is another's then.
  const bool granted = co_await turn_.Acquire(socket_.get_executor(), deadline);
  if (!granted) throw TimeoutError("turn of query " + statement.name + ": no answer in time");
  const SlotHolder turn(turn_);
  if (!usable()) throw DbError(FailureReason::kConnection, "", "the connection is closed");
  try {
    auto run = Run(statement, parameters);
    co_return co_await Within(deadline, "query " + statement.name, std::move(run));
  } catch (const DbError& error) {
    if (error.reason() == FailureReason::kConnection) Close();
    throw;
  } catch (...) {
    // Cancelled in mid-answer. A cancel request would block and go out in clear text: closing says the same.
    Close();
    throw;
  }
}

asio::awaitable<Result> Connection::Run(const Statement& statement, const Parameters& parameters) {
  if (std::ranges::find(prepared_, statement.name) == prepared_.end()) {
    if (PQsendPrepare(conn_.get(), statement.name.c_str(), statement.sql.c_str(), 0, nullptr) == 0) ThrowLost();
    co_await Await();
    prepared_.push_back(statement.name);
  }
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  if (PQsendQueryPrepared(conn_.get(), statement.name.c_str(), static_cast<int>(values.size()), values.data(), nullptr,
                          nullptr, 0) == 0) {
    ThrowLost();
  }
  co_return Result(co_await Await());
}

asio::awaitable<ResultHandle> Connection::Await() {
  for (int unsent = PQflush(conn_.get()); unsent != 0; unsent = PQflush(conn_.get())) {
    if (unsent < 0) ThrowLost();
    co_await socket_.async_wait(asio::posix::stream_descriptor::wait_write, asio::use_awaitable);
  }
  ResultHandle last;
  for (;;) {
    while (PQisBusy(conn_.get()) != 0) {
      co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
      if (PQconsumeInput(conn_.get()) == 0) ThrowLost();
    }
    ResultHandle next(PQgetResult(conn_.get()));
    if (!next) break;
    // The first error is the cause; what follows it is not.
    if (!last || PQresultStatus(last.get()) != PGRES_FATAL_ERROR) last = std::move(next);
  }
  if (!last || PQstatus(conn_.get()) == CONNECTION_BAD) ThrowLost();
  const ExecStatusType status = PQresultStatus(last.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) co_return last;
  const char* sqlstate = PQresultErrorField(last.get(), PG_DIAG_SQLSTATE);
  const std::string code = sqlstate != nullptr ? sqlstate : "";
  throw DbError(ReasonForSqlstate(code), code, Trimmed(PQresultErrorField(last.get(), PG_DIAG_MESSAGE_PRIMARY)));
}

}  // namespace pgtls::db
