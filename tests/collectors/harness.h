// Runs a collector against rows made by hand or a real server, and shows what it would put on the page.
#pragma once

#include <gtest/gtest.h>

#include <asio.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/error.h"
#include "exporter/db/connector.h"
#include "exporter/metrics/sink.h"
#include "exporter/postgres/driver.h"
#include "exporter/postgres/own_connection.h"
#include "exporter/sampling/collector.h"
#include "exporter/tls/inventory.h"

namespace pgtls::collectors {

// Answers each statement by its name with the rows that the test has set. Asked for another, it throws
// (std::out_of_range).
class FakeSession : public db::Session {
 public:
  using Rows = std::vector<std::vector<std::optional<std::string>>>;

  asio::awaitable<std::vector<db::Answer>> QueryAll(std::vector<db::Request> requests,
                                                    Deadline /*it answers at once*/) override {
    ++round_trips;
    std::vector<db::Answer> all;
    for (const db::Request& request : requests) all.push_back(AnswerTo(request));
    co_return all;
  }
  int server_version() const override { return version; }
  int backend_pid() const override { return 1; }

  int version = 180000;
  std::map<std::string, std::pair<std::vector<std::string>, Rows>, std::less<>> answers;
  // Or fails as the test has set.
  std::map<std::string, DbError, std::less<>> failures;
  db::Parameters last_parameters;
  int round_trips = 0;

 private:
  db::Answer AnswerTo(const db::Request& request) {
    const std::string& name = request.statement.name;
    last_parameters = request.parameters;
    const auto failure = failures.find(name);
    if (failure == failures.end()) {
      const auto& [columns, rows] = answers.at(name);
      return db::Result::FromRows(columns, rows);
    }
    if (failure->second.reason() == FailureReason::kConnection) throw DbError(failure->second);
    return std::unexpected(failure->second);
  }
};

// One collector on one server called "db".
class Harness {
 public:
  explicit Harness(const sampling::CollectorType& type) : type_(type), collector_(type.make()) {
    server.name = "db";
    config = type.schema.Defaults();
  }

  // The collector's own options, of its type.
  template <typename T>
  T& options() {
    return config.options.As<T>();
  }

  // One collection. What it throws comes out. A missing part, or a failure of
  // the next start, that is not declared fails the test.
  sampling::Output Collect() {
    sampling::Output output(server.name);
    sampling::Context context = ContextOf(type_, config);
    Run(collector_->Collect(context, output));
    for (const auto& [part, reason, detail] : output.incomplete) {
      const sampling::DeclaredPart* const declared = sampling::FindPart(type_.parts, part);
      EXPECT_TRUE(declared != nullptr && declared->RemedyFor(reason) != nullptr)
          << "declare what to do about " << part << ": " << reason << " in collectors/" << type_.name << "_parts.h";
    }
    if (const auto certificates = output.facts.Get<tls::CertificateInventory>()) ExpectDeclared(*certificates);
    return output;
  }
  // What another collector finds on this server now; nothing where it fails.
  sampling::Facts FactsOf(const sampling::CollectorType& type) {
    sampling::Output output(server.name);
    const config::CollectorConfig settings = type.schema.Defaults();
    sampling::Context context = ContextOf(type, settings);
    context.basis = std::nullopt;
    try {
      Run(type.make()->Collect(context, output));
    } catch (const Error&) {
      return {};
    }
    return output.facts;
  }
  // One collection as it stands on the page.
  std::string CollectPage() {
    sampling::Output output = Collect();
    std::string page;
    const metrics::SharedSamples samples = output.sink.Render();
    for (std::size_t i = 0; i < samples->size(); ++i) {
      const metrics::RenderedFamily family = (*samples)[i];
      page += metrics::Header(*family.desc);
      page += family.text;
    }
    return page;
  }

  // Logs in as the exporter does. Collections ask this server from now on; its backend is one of the exporter's own.
  void Connect(const std::string& conninfo) {
    Run(Establish(conninfo));
    session = connection_.get();
  }

  config::ServerConfig server;
  config::CollectorConfig config;
  db::Target target;
  std::optional<db::Peer> peer;  // where SQL is connected, for the collectors that look at the wire
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
  FakeSession fake;
  db::Session* session = &fake;  // until Connect()
  sampling::OwnBackends own_backends;
  std::uint64_t config_version = 1;
  std::optional<Digest> basis;  // of the result that stands
  std::int64_t cluster = 0;     // as Context has it
  sampling::Facts facts;        // of the other collectors

 private:
  sampling::Context ContextOf(const sampling::CollectorType& type, const config::CollectorConfig& settings) {
    return {.server = server,
            .config = settings,
            .target = target,
            .peer = peer,
            .session = type.connection == sampling::ConnectionKind::kNone ? nullptr : session,
            .facts = [this] { return facts; },
            .own_backends = own_backends,
            .deadline = After(timeout),
            .blocking = blocking_,
            .once = false,
            .config_version = config_version,
            .basis = basis,
            .open_database = [this](std::string database) { return OpenDatabase(std::move(database)); },
            .cluster = cluster};
  }
  asio::awaitable<std::unique_ptr<sampling::ServerSession>> OpenDatabase(std::string database) {
    sampling::OwnBackends::Login login(own_backends, "tls_exporter");
    const db::ConnectOptions options = {.conninfo = conninfo_, .database = std::move(database)};
    auto connection = co_await connector_.Connect(options, timeout);
    co_return co_await postgres::PostgresDriver().StartSession(std::move(connection), std::move(login), "prefer",
                                                               After(timeout));
  }
  static void ExpectDeclared(const tls::CertificateInventory& certificates) {
    if (!certificates.next_start) return;
    for (const tls::StartFailure& failure : certificates.next_start->failures) {
      EXPECT_TRUE(tls::IsDeclared(failure)) << "add to kStartFailureKinds: " << failure.role << " " << failure.reason;
    }
  }
  void Run(asio::awaitable<void> work) {
    auto future = asio::co_spawn(loop_, std::move(work), asio::use_future);
    loop_.restart();
    loop_.run();
    future.get();
  }
  asio::awaitable<void> Establish(std::string conninfo) {
    conninfo_ = conninfo;
    login_.reset();
    connection_.reset();
    login_.emplace(own_backends, "tls_exporter");
    const db::ConnectOptions options = {
        .conninfo = std::move(conninfo),
        .on_socket = [this](const db::SocketAddress& local) { own_backends.Connected(local); }};
    connection_ = co_await connector_.Connect(options, std::chrono::seconds(30));
    co_await connection_->SetUp(After(std::chrono::seconds(60)));
    login_->Known(connection_->backend_pid());
    login_->Known(connection_->backend());
  }

  asio::io_context loop_;
  BlockingPool blocking_{1};
  db::Connector connector_{blocking_, 1};
  std::string conninfo_;
  std::optional<sampling::OwnBackends::Login> login_;
  std::unique_ptr<db::Connection> connection_;
  const sampling::CollectorType& type_;
  std::unique_ptr<sampling::Collector> collector_;
};

}  // namespace pgtls::collectors
