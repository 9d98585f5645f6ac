#include "exporter/db/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "exporter/base/completion.h"
#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/db/session_setup.h"
#include "exporter/db/socket_name.h"
#include "exporter/db/sqlstate.h"

namespace pgtls::db {
namespace {

Peer PeerOf(PGconn* conn) {
  Peer peer;
  const char* address = PQhostaddr(conn);
  if (address != nullptr) peer.address = IpAddress::Parse(address);
  if (auto name = PeerName(PQsocket(conn))) {
    peer.address = name->address.address;
    peer.zone = std::move(name->address.zone);
  }
  peer.host = PQhost(conn);
  peer.port = std::atoi(PQport(conn));  // NOLINT(cert-err34-c): libpq has checked it
  peer.user = PQuser(conn);
  peer.database = PQdb(conn);
  ucred listener{};
  socklen_t size = sizeof listener;
  if (!peer.address && getsockopt(PQsocket(conn), SOL_SOCKET, SO_PEERCRED, &listener, &size) == 0) {
    peer.listener_pid = listener.pid;
  }
  return peer;
}

std::optional<SocketAddress> LocalOf(PGconn* conn) {
  const auto name = LocalName(PQsocket(conn));
  if (!name) return std::nullopt;
  return SocketAddress{name->address.address, name->port};
}

std::string Parameter(PGconn* conn, const char* name) {
  const char* value = PQparameterStatus(conn, name);
  return value != nullptr ? value : "";
}

std::string Readable(const char* message) { return message != nullptr ? Printable(OneLine(message)) : ""; }

}  // namespace

Connection::Connection(const asio::any_io_executor& executor, ConnHandle conn, std::shared_ptr<ClosingSockets> closing)
    : conn_(std::move(conn)),
      closing_(std::move(closing)),
      socket_(executor, PQsocket(conn_.get())),
      server_version_(PQserverVersion(conn_.get())),
      version_text_(Parameter(conn_.get(), "server_version")),
      backend_{.pid = PQbackendPID(conn_.get())},
      peer_(PeerOf(conn_.get())),
      local_(LocalOf(conn_.get())) {
  if (PQsetnonblocking(conn_.get(), 1) != 0 || PQenterPipelineMode(conn_.get()) == 0) {
    socket_.release();  // libpq closes it
    ThrowLost();
  }
}

Connection::~Connection() { Close(); }

void Connection::Close() {
  // libpq owns the descriptor: it must be removed from the reactor before libpq closes it.
  if (socket_.is_open()) socket_.release();
  if (closing_) closing_->Finish(std::move(conn_));
  conn_.reset();
}

void Connection::ThrowLost() {
  const std::string message = Readable(PQerrorMessage(conn_.get()));
  throw DbError(FailureReason::kConnection, "", message.empty() ? "the connection was lost" : message);
}

asio::awaitable<void> Connection::SetUp(Deadline deadline) {
  const Result row = co_await Query(BackendPidStatement(), {}, deadline);
  const int pid = static_cast<int>(row.RequireInt(0, 0));
  pooled_ = pid != backend_.pid;
  backend_.pid = pid;
  set_up_ = true;
}

std::optional<NegotiatedTls> Connection::tls() const {
  if (PQsslInUse(conn_.get()) == 0) return std::nullopt;
  const auto attribute = [this](const char* name) {
    const char* value = PQsslAttribute(conn_.get(), name);
    return std::string(value != nullptr ? value : "");
  };
  return NegotiatedTls{attribute("protocol"), attribute("cipher")};
}

void Connection::UseSimpleProtocol() {
  if (PQexitPipelineMode(conn_.get()) == 0) ThrowLost();
  simple_ = true;
}

class Connection::Lent : public Session {
 public:
  Lent(Connection& connection, std::chrono::nanoseconds longest) : connection_(connection), longest_(longest) {}

  asio::awaitable<std::vector<Answer>> QueryAll(std::vector<Request> requests, Deadline deadline) override {
    return connection_.QueryAll(std::move(requests), deadline, longest_);
  }
  int server_version() const override { return connection_.server_version(); }
  int backend_pid() const override { return connection_.backend_pid(); }
  bool pooled() const override { return connection_.pooled(); }

 private:
  Connection& connection_;
  std::chrono::nanoseconds longest_;
};

std::unique_ptr<Session> Connection::Lend(std::chrono::nanoseconds longest) {
  return std::make_unique<Lent>(*this, longest);
}

asio::awaitable<std::vector<Answer>> Connection::QueryAll(std::vector<Request> requests, Deadline deadline) {
  return QueryAll(std::move(requests), deadline, std::chrono::nanoseconds::max());
}

asio::awaitable<std::vector<Answer>> Connection::QueryAll(std::vector<Request> requests, Deadline deadline,
                                                          std::chrono::nanoseconds longest) {
  if (requests.empty()) co_return std::vector<Answer>();
  std::string what = "query";
  for (const Request& request : requests) what += " " + request.statement.name;
  // If the wait for the connection takes too long, it stays open: another coroutine is using it, and finds out whether
  // the server is silent.
  const bool granted = co_await round_trip_.Acquire(socket_.get_executor(), deadline);
  if (!granted) throw TimeoutError(what + ": the connection was busy until the timeout");
  const SemaphoreGuard guard(round_trip_);
  const Deadline asked = std::chrono::steady_clock::now();
  if (longest < deadline - asked) deadline = asked + longest;
  // Another user of this connection has found that the server does not answer.
  if (!usable() && silent_) throw TimeoutError(what + ": the server does not answer");
  if (!usable()) throw DbError(FailureReason::kConnection, "", "the connection is closed");
  try {
    auto run = simple_ ? RunSimple(requests) : Run(requests, deadline);
    std::vector<Answer> answers = co_await Within(deadline, what, std::move(run));
    const auto spends = [](const Answer& answer) { return !answer && SpendsConnection(answer.error().sqlstate()); };
    if (std::ranges::any_of(answers, spends)) Close();
    co_return answers;
  } catch (...) {
    // Lost, or cancelled during an answer. A cancel request would block and be sent in clear text; closing has the same
    // effect.
    silent_ = last_heard_ < asked && std::chrono::steady_clock::now() >= deadline;
    Close();
    throw;
  }
}

asio::awaitable<std::vector<Answer>> Connection::RunSimple(const std::vector<Request>& requests) {
  std::vector<Answer> answers;
  for (const auto& [statement, parameters] : requests) {
    if (!parameters.empty()) throw std::logic_error("a simple query has no parameters");
    if (PQsendQuery(conn_.get(), std::string(statement.sql).c_str()) == 0) ThrowLost();
    co_await Flush();
    std::optional<Answer> answer = co_await ReceiveOne();
    answers.push_back(std::move(answer).value());
  }
  co_return answers;
}

asio::awaitable<std::vector<Answer>> Connection::Run(const std::vector<Request>& requests, Deadline deadline) {
  std::vector<Answer> answers;
  answers.reserve(requests.size());
  while (answers.size() < requests.size()) {
    Preamble preamble = NextPreamble(deadline);
    Sent sent;
    for (const Request& request : preamble.requests) sent.push_back(&request);
    for (const Request& request : std::span(requests).subspan(answers.size())) sent.push_back(&request);
    std::vector<bool> prepares = Send(sent);
    co_await Flush();
    std::vector<Answer> received = co_await Receive(sent, std::move(prepares));
    TakePreamble(preamble, received);
    std::ranges::move(received, std::back_inserter(answers));
  }
  co_return answers;
}

Connection::Preamble Connection::NextPreamble(Deadline deadline) const {
  if (!set_up_) return {};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  const auto timeout = StatementTimeout(left, pooled_ ? std::nullopt : statement_timeout_);
  if (pooled_ || !statement_timeout_) return {SetUpRequests(timeout, pooled_), timeout, true};
  if (timeout == *statement_timeout_) return {};
  return {{BoundRequest(timeout)}, timeout, false};
}

// Removes the preamble's answers from the beginning.
void Connection::TakePreamble(Preamble& preamble, std::vector<Answer>& answers) {
  if (preamble.requests.empty()) return;
  const auto end = answers.begin() + static_cast<std::ptrdiff_t>(std::min(preamble.requests.size(), answers.size()));
  for (auto answer = answers.begin(); answer != end; ++answer) {
    const Result row = Take(std::move(*answer));
    if (preamble.names_backend && answer + 1 == end) backend_ = ReadBackend(row);
  }
  answers.erase(answers.begin(), end);
  // An error rolls the settings of its transaction back.
  const bool stays = std::ranges::all_of(answers, [](const Answer& answer) { return answer.has_value(); });
  if (stays) statement_timeout_ = preamble.statement_timeout;
}

bool Connection::IsPrepared(const Statement& statement) const {
  return std::ranges::find(prepared_, statement.name) != prepared_.end();
}

std::vector<bool> Connection::Send(const Sent& requests) {
  std::vector<bool> prepares;
  std::vector<const char*> values;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& [statement, parameters] = *requests[i];
    const std::string sql(statement.sql);
    values.clear();
    for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
    const int size = static_cast<int>(values.size());
    if (pooled_ || statement.name.empty()) {
      prepares.push_back(false);
      if (PQsendQueryParams(conn_.get(), sql.c_str(), size, nullptr, values.data(), nullptr, nullptr, 0) == 0)
        ThrowLost();
      continue;
    }
    const auto same = [&](const Request* other) { return other->statement.name == statement.name; };
    prepares.push_back(!IsPrepared(statement) &&
                       std::none_of(requests.begin(), requests.begin() + static_cast<std::ptrdiff_t>(i), same));
    if (prepares.back() && PQsendPrepare(conn_.get(), statement.name.c_str(), sql.c_str(), 0, nullptr) == 0)
      ThrowLost();
    if (PQsendQueryPrepared(conn_.get(), statement.name.c_str(), size, values.data(), nullptr, nullptr, 0) == 0) {
      ThrowLost();
    }
  }
  if (PQpipelineSync(conn_.get()) == 0) ThrowLost();
  return prepares;
}

asio::awaitable<void> Connection::Flush() {
  using asio::posix::stream_descriptor;
  for (;;) {
    const int unsent = PQflush(conn_.get());
    if (unsent < 0) ThrowLost();
    if (unsent == 0) co_return;
    // Reads as well as writes: a server that waits for its answers to be read does not read further requests.
    auto either = asio::experimental::make_parallel_group(socket_.async_wait(stream_descriptor::wait_write, deferred),
                                                          socket_.async_wait(stream_descriptor::wait_read, deferred));
    co_await either.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    ReadInput();
  }
}

void Connection::ReadInput() {
  last_heard_ = std::chrono::steady_clock::now();
  silent_ = false;
  if (PQconsumeInput(conn_.get()) == 0) ThrowLost();
}

asio::awaitable<std::vector<Answer>> Connection::Receive(const Sent& requests, std::vector<bool> prepares) {
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (prepares[i]) {
      std::optional<Answer> prepared = co_await ReceiveOne();
      if (prepared && *prepared) prepared_.push_back(requests[i]->statement.name);
      if (prepared && !*prepared) answers.push_back(*std::move(prepared));
    }
    std::optional<Answer> answer = co_await ReceiveOne();
    if (answer) answers.push_back(*std::move(answer));
  }
  const ResultHandle end = co_await Next();
  if (!end || PQresultStatus(end.get()) != PGRES_PIPELINE_SYNC || answers.empty()) ThrowLost();
  co_return answers;
}

asio::awaitable<std::optional<Answer>> Connection::ReceiveOne() {
  ResultHandle result = co_await Next();
  if (!result) ThrowLost();
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_ABORTED) {
    const auto field = [&](int code) {
      const char* text = PQresultErrorField(result.get(), code);
      return std::string(text != nullptr ? text : "");
    };
    const std::string severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
    const std::string code = field(PG_DIAG_SQLSTATE);
    DbError error(ReasonForSqlstate(code), code, Readable(field(PG_DIAG_MESSAGE_PRIMARY).c_str()));
    // This ends the session.
    if (severity == "FATAL" || severity == "PANIC") throw DbError(FailureReason::kConnection, code, error.what());
    if (PQstatus(conn_.get()) == CONNECTION_BAD) ThrowLost();
    const ResultHandle end = co_await Next();
    if (end) ThrowLost();
    co_return Answer(std::unexpected(std::move(error)));
  }
  const ResultHandle end = co_await Next();
  if (end) ThrowLost();
  if (status == PGRES_PIPELINE_ABORTED) co_return std::nullopt;
  co_return Answer(Result(std::move(result)));
}

asio::awaitable<ResultHandle> Connection::Next() {
  while (PQisBusy(conn_.get()) != 0) {
    co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    ReadInput();
  }
  co_return ResultHandle(PQgetResult(conn_.get()));
}

}  // namespace pgtls::db
