// Through AllClientsReader, with one console.
#include "exporter/pgbouncer/clients.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <asio.hpp>
#include <map>

#include "exporter/base/error.h"
#include "exporter/pgbouncer/all_clients.h"
#include "tests/exporter/pgbouncer/fake_console.h"

namespace pgtls::pgbouncer {
namespace {

using sessions::Session;
using testing::FakeConsole;
using testing::Row;

// The console session, by which the console's time is known; it comes from elsewhere.
const Row kConsole = {.user = "tls_exporter", .database = "pgbouncer", .addr = "10.9.9.9", .port = "5", .id = "1"};

class ClientReaderTest : public ::testing::Test {
 protected:
  void Show(const std::vector<Row>& rows, const std::string& command = "SHOW CLIENTS") { console_.Show(rows, command); }
  std::unique_ptr<const sessions::Snapshot> Read() {
    asio::io_context loop;
    Consoles consoles;
    consoles.reached.push_back({.session = &console_, .deadline = Deadline::max()});
    auto future =
        asio::co_spawn(loop, reader_.Read(std::move(consoles), false, own_, "tls_exporter"), asio::use_future);
    loop.run();
    return std::move(future.get().snapshot);
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
  AllClientsReader reader_;
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

// It has no server connection yet to ask auth_query over: it may still be refused.
TEST_F(ClientReaderTest, WhoWaitsForAuthQueryHasNotLoggedIn) {
  Show({kConsole, {.user = "(nouser)", .state = "waiting"}, {.user = "(nouser)"}, {.state = "waiting"}});
  const auto snapshot = Read();
  const auto clients = Clients(*snapshot);
  ASSERT_EQ(clients.size(), 3);
  EXPECT_TRUE(clients[0].authenticating);
  EXPECT_EQ(clients[0].user, "");
  EXPECT_FALSE(clients[1].authenticating);  // a role may have any name
  EXPECT_FALSE(clients[2].authenticating);
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
  EXPECT_NE(digest({.user = "(nouser)"}), digest({.user = "(nouser)", .state = "waiting"}));
  for (const Row& row : std::vector<Row>{{.user = "x"},
                                         {.database = "x"},
                                         {.addr = "10.1.2.4"},
                                         {.tls = "TLSv1.3/X"},
                                         {.application_name = "x"},
                                         {.id = "8"}}) {
    EXPECT_NE(digest(row), same);
  }
}

}  // namespace
}  // namespace pgtls::pgbouncer
