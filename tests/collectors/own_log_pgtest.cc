// Every connection that a server's log has from the exporter's collectors and logins is known as the exporter's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <string_view>

#include "collectors/endpoint.h"
#include "exporter/db/login_error.h"
#include "exporter/db/target.h"
#include "tests/collectors/harness.h"
#include "tests/support/client.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

struct LogLine {
  int pid = 0;
  int port = 0;
};

// The lines "PID|… connection received: host=127.0.0.1 port=N".
std::vector<LogLine> Received(const std::string& log) {
  constexpr std::string_view kText = "connection received: host=127.0.0.1 port=";
  const auto number = [&log](std::size_t begin) {
    int result = 0;
    std::from_chars(log.data() + begin, log.data() + log.size(), result);
    return result;
  };
  std::vector<LogLine> lines;
  for (std::size_t at = log.find(kText); at != std::string::npos; at = log.find(kText, at + 1)) {
    const std::size_t line = log.rfind('\n', at);
    lines.push_back({number(line == std::string::npos ? 0 : line + 1), number(at + kText.size())});
  }
  return lines;
}

TEST(OwnLogPgTest, EveryConnectionOfTheExporterIsItsOwnAndNoOther) {
  const support::TestCa ca;
  support::PostgresServer server({.hba = "local all all trust\nhostssl all refused 127.0.0.1/32 reject\n"
                                         "host all all 127.0.0.1/32 trust\n",
                                  .settings = {"log_connections = on", "log_line_prefix = '%p|'"},
                                  .tls = support::ServerTls{ca.IssueForLocalhost(), ca.certificate(), ""}});
  server.Execute("CREATE ROLE tls_exporter LOGIN");
  server.Execute("CREATE ROLE refused LOGIN");
  const std::size_t start = server.LogSize();
  const std::string conninfo = server.Conninfo("user=tls_exporter sslmode=require");
  Harness endpoint(EndpointCollector());
  endpoint.target = db::ResolveTarget(conninfo);
  endpoint.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server.port(), "127.0.0.1", "tls_exporter", "postgres"};
  endpoint.Collect();
  // libpq makes a second connection, without TLS, when the first one is refused.
  endpoint.Connect(server.Conninfo("user=refused sslmode=prefer"));
  EXPECT_THROW(endpoint.Connect(server.Conninfo("user=refused sslmode=require")), db::LoginError);
  const std::size_t end = server.LogSize();
  const support::Client other(server.Conninfo("user=refused sslmode=disable"));
  ASSERT_TRUE(server.WaitForLog("connection authorized", end));

  const auto is_own = [&](const LogLine& line, bool by_pid) {
    const auto now = std::chrono::steady_clock::now();
    sampling::LoggedConnection connection{.earliest = now - std::chrono::minutes(1), .latest = now};
    if (by_pid) connection.pid = line.pid;
    if (!by_pid) connection.from = db::SocketAddress{IpAddress::Parse("127.0.0.1").value(), line.port};
    return endpoint.own_backends.IsOwn(connection);
  };
  // Handshake, GSSENCRequest, two logins of enforcement, older versions of TLS, and three of libpq.
  const std::vector<LogLine> own = Received(server.Log(start).substr(0, end - start));
  EXPECT_GE(own.size(), 8);
  for (const LogLine& line : own) EXPECT_TRUE(is_own(line, false)) << line.port << "\n" << server.Log(start);
  EXPECT_GE(std::ranges::count_if(own, [&](const LogLine& line) { return is_own(line, true); }), 3)
      << "the sessions among them";
  const std::vector<LogLine> others = Received(server.Log(end));
  ASSERT_EQ(others.size(), 1);
  EXPECT_FALSE(is_own(others[0], false));
  EXPECT_FALSE(is_own(others[0], true));
}

}  // namespace
}  // namespace pgtls::collectors
