// The server behind a name becomes another one: counters go on, and what was open there before is not counted as new.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/exporter.h"
#include "tests/support/postgres_server.h"
#include "tests/support/raw_client.h"

namespace pgtls::e2e {
namespace {

using support::RawClient;
using support::TempDir;

std::string Counter(int sessions) {
  return R"(pg_tls_unencrypted_sessions_total{server="db",network="loopback",allowed="false"} )" +
         std::to_string(sessions);
}
std::string Open(int connections) {
  return R"(pg_tls_unencrypted_connections_by_network{server="db",network="loopback",allowed="false"} )" +
         std::to_string(connections);
}

// Listens on a port of its own and leads each new connection to the port that a file names then.
constexpr const char* kForwarder = R"(
import socket, sys, threading
def pump(source, sink):
    try:
        while data := source.recv(65536): sink.sendall(data)
    except OSError: pass
    for end in (source, sink):
        try: end.shutdown(socket.SHUT_RDWR)
        except OSError: pass
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    try: server = socket.create_connection(('127.0.0.1', int(open(sys.argv[1]).read())))
    except OSError:
        client.close()
        continue
    for ends in ((client, server), (server, client)): threading.Thread(target=pump, args=ends, daemon=True).start()
)";

class FailoverTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const support::PostgresServer* server : {&first_, &second_}) {
      server->RunSqlFile("deploy/sql/monitoring_role.sql");
      server->Execute("CREATE ROLE app LOGIN");
    }
  }
  void Watch(const std::string& conninfo) {
    const std::string text = Config({{"db", conninfo + " dbname=postgres user=tls_exporter sslmode=disable"}});
    exporter_ =
        std::make_unique<Exporter>(std::vector<std::string>{"--config.file=" + files_.Write("config.yml", text)});
    exporter_->WaitForLine(Counter(0));
    const RawClient counted({.port = first_.port(), .user = "app"});
    const std::string page = exporter_->WaitForLine(Counter(1));
    EXPECT_TRUE(HasLine(page, R"(pg_tls_session_count_losses_total{server="db",reason="server_changed"} 0)")) << page;
  }
  // The second server has two clients when the first one fails; a third one comes later.
  void FailOver(const std::function<void()>& fail) {
    const RawClient one({.port = second_.port(), .user = "app"});
    const RawClient two({.port = second_.port(), .user = "app"});
    fail();
    const std::string page = exporter_->WaitForLine(Open(2));
    EXPECT_TRUE(HasLine(page, Counter(1))) << page;
    EXPECT_TRUE(HasLine(page, R"(pg_tls_session_count_losses_total{server="db",reason="server_changed"} 1)")) << page;
    const RawClient three({.port = second_.port(), .user = "app"});
    exporter_->WaitForLine(Open(3));
    exporter_->WaitForLine(Counter(2));
  }

  TempDir files_;
  support::PostgresServer first_;
  support::PostgresServer second_;
  std::unique_ptr<Exporter> exporter_;
};

TEST_F(FailoverTest, TheSecondOfTwoHosts) {
  Watch("host=127.0.0.1,127.0.0.1 port=" + std::to_string(first_.port()) + "," + std::to_string(second_.port()));
  FailOver([this] { first_.Stop(); });
}

TEST_F(FailoverTest, AnotherServerBehindTheSamePort) {
  const std::string target = files_.Write("target", std::to_string(first_.port()));
  const support::Process forwarder({"python3", "-c", kForwarder, target});
  ASSERT_TRUE(support::WaitUntil([&] { return forwarder.Out().ends_with("\n"); })) << forwarder.Err();
  Watch("host=127.0.0.1 port=" + std::to_string(std::stoi(forwarder.Out())));
  FailOver([&] {
    support::WriteFile(target, std::to_string(second_.port()));
    first_.Stop();
  });
}

}  // namespace
}  // namespace pgtls::e2e
