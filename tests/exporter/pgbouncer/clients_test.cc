#include "exporter/pgbouncer/clients.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <asio.hpp>
#include <map>

#include "exporter/base/error.h"

namespace pgtls::pgbouncer {
namespace {

using sessions::Session;
using Texts = std::vector<std::optional<std::string>>;

// A console that shows what the test has set.
class FakeConsole : public db::Session {
 public:
  asio::awaitable<std::vector<db::Answer>> QueryAll(std::vector<db::Request> requests,
                                                    Deadline /*it answers at once*/) override {
    std::vector<db::Answer> answers;
    for (const auto& [statement, parameters] : requests) {
      const auto& [columns, rows] = tables.at(std::string(statement.sql));
      answers.emplace_back(db::Result::FromRows(columns, rows));
    }
    co_return answers;
  }
  int server_version() const override { return version; }
  int backend_pid() const override { return pid; }

  int version = 12401;
  int pid = 1;
  std::map<std::string, std::pair<std::vector<std::string>, std::vector<Texts>>> tables = {
      {"SHOW VERSION", {{"version"}, {{"PgBouncer 1.24.1"}}}},
      {"SHOW CONFIG", {{"key", "value"}, {{"client_tls_sslmode", "allow"}, {"so_reuseport", "0"}}}},
      {"SHOW DATABASES", {{"name", "host", "port"}, {}}},
      {"SHOW LISTS", {{"list", "items"}, {{"used_clients", "1"}, {"login_clients", "0"}}}},
  };
};

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

// The console session, by which the console's time is known; it comes from elsewhere.
const Row kConsole = {.user = "tls_exporter", .database = "pgbouncer", .addr = "10.9.9.9", .port = "5", .id = "1"};

class ClientReaderTest : public testing::Test {
 protected:
  void Show(const std::vector<Row>& rows, const std::string& command = "SHOW CLIENTS") {
    std::vector<std::string> columns = {"type",         "user",         "database", "state",      "addr", "port",
                                        "connect_time", "request_time", "ptr",      "remote_pid", "tls"};
    if (console_.version >= 11800) columns.emplace_back("application_name");
    if (console_.version >= 12400) columns.emplace_back("id");
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
      if (console_.version >= 11800) cells.emplace_back(row.application_name);
      if (console_.version >= 12400) cells.emplace_back(row.id);
      table.push_back(std::move(cells));
    }
    console_.tables[command] = {columns, table};
  }
  std::unique_ptr<const sessions::Snapshot> Read() {
    asio::io_context loop;
    auto future = asio::co_spawn(loop, reader_.Read(console_, own_, "tls_exporter", Deadline::max()), asio::use_future);
    loop.run();
    return future.get();
  }
  // All but the console session.
  static std::vector<Session> Clients(const sessions::Snapshot& snapshot) {
    std::vector<Session> clients;
    for (int row = 0; row < snapshot.size(); ++row) {
      const auto client = snapshot.At(row);
      if (client && client->database != "pgbouncer") clients.push_back(*client);
    }
    return clients;
  }

  FakeConsole console_;
  sampling::OwnBackends own_;
  ClientReader reader_;
};

TEST_F(ClientReaderTest, ReadsHowAClientIsProtected) {
  Show({kConsole,
        {},
        {.tls = "TLSv1.2/ECDHE-RSA-AES256-GCM-SHA384/ECDH=prime256v1"},
        {.tls = "TLSv1.3/TLS_AES_128_GCM_SHA256"},
        {.tls = "TLSv1.3"}});
  const auto snapshot = Read();
  const auto clients = Clients(*snapshot);
  ASSERT_EQ(clients.size(), 4);
  EXPECT_EQ(EncryptionOf(clients[0]), Encryption::kNone);
  EXPECT_EQ(OriginOf(clients[0]).network, Network::kRemote);
  EXPECT_EQ(clients[0].backend_type, "pgbouncer client");
  for (const std::size_t tls : {1U, 2U, 3U}) EXPECT_EQ(EncryptionOf(clients[tls]), Encryption::kTls);
  EXPECT_EQ(clients[1].version, "TLSv1.2");
  EXPECT_EQ(clients[1].cipher, "ECDHE-RSA-AES256-GCM-SHA384");
  EXPECT_EQ(clients[2].cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(clients[3].version, "TLSv1.3");
  EXPECT_EQ(clients[3].cipher, "");
}

TEST_F(ClientReaderTest, SaysNoCipherThatMayBeAnotherOne) {
  console_.version = 12500;
  Show({kConsole, {.tls = "TLSv1.3/TLS_AES_256_GCM_SHA384"}, {.tls = "TLSv1.2/ECDHE-RSA-AES256-GCM-SHA384"}});
  const auto snapshot = Read();
  const auto clients = Clients(*snapshot);
  EXPECT_EQ(clients[0].version, "TLSv1.3");
  EXPECT_EQ(clients[0].cipher, "");
  EXPECT_EQ(clients[1].cipher, "ECDHE-RSA-AES256-GCM-SHA384");
}

TEST_F(ClientReaderTest, AUnixSocketIsLocal) {
  Show({kConsole, {.addr = "unix", .port = "6432", .remote_pid = "1"}});
  const auto snapshot = Read();
  const auto clients = Clients(*snapshot);
  EXPECT_EQ(OriginOf(clients.at(0)).network, Network::kLocal);
}

TEST_F(ClientReaderTest, LeavesOutItselfAndCancelRequests) {
  const std::string own_pid = std::to_string(getpid());
  Show({kConsole,
        {.addr = "unix", .remote_pid = own_pid},
        {.user = "tls_exporter", .database = "pgbouncer", .addr = "unix", .application_name = "pg_tls_exporter"},
        {.state = "active_cancel_req"},
        {.state = "waiting_cancel_req"},
        {.addr = "127.0.0.1", .port = "41000"},
        {.user = "other", .addr = "127.0.0.1", .port = "41001"},
        {.user = "other", .addr = "127.0.0.2", .port = "41000"}});
  const auto snapshot = Read();
  EXPECT_EQ(Clients(*snapshot).size(), 3);
  EXPECT_EQ(snapshot->size(), 4);  // with the console session of somebody else
}

// By user, address, port and time: an address and port alone may be another's, later or in another network.
TEST_F(ClientReaderTest, LeavesOutTheExportersOtherConnections) {
  Show({kConsole,
        {.user = "exporter", .addr = "127.0.0.1", .port = "41000", .connect_time = "2026-11-27 14:12:17 UTC"},
        {.user = "exporter", .addr = "127.0.0.1", .port = "41000", .connect_time = "2026-11-27 13:12:17 UTC"},
        {.user = "app", .addr = "127.0.0.1", .port = "41000", .connect_time = "2026-11-27 14:12:17 UTC"},
        {.user = "exporter", .addr = "127.0.0.2", .port = "41000", .connect_time = "2026-11-27 14:12:17 UTC"},
        {.user = "exporter", .addr = "127.0.0.1", .port = "41001", .connect_time = "2026-11-27 14:12:17 UTC"}});
  sampling::OwnBackends::Login login(own_, "exporter");
  login.Known(db::SocketAddress{*IpAddress::Parse("127.0.0.1"), 41000});
  const auto snapshot = Read();
  EXPECT_EQ(Clients(*snapshot).size(), 4);
}

// The console of another process: what began there before is none of this one's sessions.
TEST_F(ClientReaderTest, AnotherProcessIsAnotherServer) {
  Show({kConsole, {.id = "7"}, {.id = "8"}});
  const std::int64_t first = Read()->postmaster_start_us();
  console_.pid = 2;
  Show({kConsole, {.id = "8"}, {.id = "9"}});
  EXPECT_EQ(Read()->postmaster_start_us(), first);
  console_.pid = 3;
  Show({{.user = "x", .database = "pgbouncer", .id = "20"}, {.id = "21"}});
  EXPECT_NE(Read()->postmaster_start_us(), first);
}

TEST_F(ClientReaderTest, ShowsThoseThatAreLoggingIn) {
  Show({kConsole});
  console_.tables["SHOW LISTS"].second = {{"login_clients", "1"}};
  Show({{.addr = "unix"}, {.user = "(nouser)", .state = "cl_login", .addr = "192.0.2.1"}}, "SHOW SOCKETS");
  const auto snapshot = Read();
  const auto clients = Clients(*snapshot);
  ASSERT_EQ(clients.size(), 1);
  EXPECT_TRUE(clients[0].authenticating);
  EXPECT_EQ(clients[0].client_addr, "192.0.2.1");
  EXPECT_EQ(clients[0].user, "");
  EXPECT_TRUE(snapshot->shows_authenticating());
}

TEST_F(ClientReaderTest, KnowsOldAndNewReleases) {
  for (const int version : {11700, 11800, 12401, 12601}) {
    console_.version = version;
    Show({kConsole, {.application_name = "psql", .id = "9"}});
    const auto snapshot = Read();
    const Session client = Clients(*snapshot).at(0);
    EXPECT_EQ(client.id, version >= 12400 ? 9 : 0x56256329) << version;
    EXPECT_EQ(client.application_name, version >= 11800 ? "psql" : "") << version;
    EXPECT_EQ(snapshot->now_us() - client.backend_start_us, 738'000'000) << version;
  }
}

TEST_F(ClientReaderTest, AMissingColumnIsAnErrorAndNoZero) {
  Show({kConsole});
  for (const char* column : {"tls", "addr", "connect_time"}) {
    auto without = console_;
    auto& columns = without.tables["SHOW CLIENTS"].first;
    std::ranges::replace(columns, std::string(column), std::string("renamed"));
    std::swap(console_, without);
    EXPECT_THROW(Read(), Error) << column;
    std::swap(console_, without);
  }
  console_.tables["SHOW LISTS"].second = {};
  EXPECT_THROW(Read(), Error);
}

TEST_F(ClientReaderTest, TheDigestIsOfWhatIsShown) {
  const auto digest = [this](const Row& row) {
    Show({kConsole, row});
    Digester digester;
    Read()->DigestRows(digester);
    return digester.Finish();
  };
  const Digest same = digest({});
  EXPECT_EQ(digest({.state = "waiting", .remote_pid = "5"}), same);
  for (const Row& row : std::vector<Row>{{.user = "x"},
                                         {.database = "x"},
                                         {.addr = "10.1.2.4"},
                                         {.tls = "TLSv1.3/X"},
                                         {.application_name = "x"},
                                         {.id = "8"}}) {
    EXPECT_NE(digest(row), same);
  }
}

TEST_F(ClientReaderTest, SaysThatOthersMayListenOnItsPort) {
  Show({kConsole});
  Read();
  EXPECT_FALSE(reader_.is_one_of_several());
  console_.tables["SHOW CONFIG"].second.back() = {"so_reuseport", "1"};
  ClientReader other;
  std::swap(reader_, other);
  Read();
  EXPECT_TRUE(reader_.is_one_of_several());
}

}  // namespace
}  // namespace pgtls::pgbouncer
