#include "exporter/pgbouncer/links.h"

#include <string>
#include <string_view>
#include <utility>

#include "exporter/pgbouncer/config.h"

namespace pgtls::pgbouncer {
namespace {

using links::Links;

constexpr std::string_view kUnixSocket = "unix";  // in place of an address

void AddTargets(const settings::PoolerSettings& settings, Links& found) {
  found.kinds.push_back(links::kPooler);
  for (const auto& [database, host, port] : settings.targets) {
    found.links.push_back(links::LinkOf(links::kPooler, database, "",
                                        {.host = host,
                                         .port = port,
                                         .sslmode = std::string(settings.Get("server_tls_sslmode")),
                                         .sslrootcert = std::string(settings.Get("server_tls_ca_file"))}));
  }
}

void AddConnections(const db::Result& rows, Links& found) {
  const int user = rows.Column("user");
  const int database = rows.Column("database");
  const int state = rows.Column("state");
  const int addr = rows.Column("addr");
  const int tls = rows.Column("tls");
  const int remote_pid = rows.Column("remote_pid");
  const int local_port = rows.Column("local_port");
  for (int row = 0; row < rows.rows(); ++row) {
    // Still logging in: the handshake may be to come. Cancel requests are sent before one.
    const std::string_view now = rows.RequireText(row, state);
    if (now == "new" || now == "active_cancel") continue;
    const std::string_view address = rows.RequireText(row, addr);
    const bool local = address == kUnixSocket;
    found.outgoing.push_back(
        {.kind = std::string(links::kPooler),
         .database = std::string(rows.Text(row, database).value_or("")),
         .user = std::string(rows.Text(row, user).value_or("")),
         .server_addr = local ? "" : std::string(address),
         .network = local ? Network::kLocal : links::NetworkOf(address),
         .encryption = rows.Text(row, tls).value_or("").empty() ? Encryption::kNone : Encryption::kTls,
         .backend_pid = rows.Int(row, remote_pid).value_or(0),
         .local_port = static_cast<int>(rows.Int(row, local_port).value_or(0))});
  }
}

}  // namespace

asio::awaitable<Links> ReadLinks(db::Session& session, Deadline deadline) {
  Links found;
  const settings::PoolerSettings settings = co_await ReadConfig(session, deadline);
  AddTargets(settings, found);
  found.one_of_several = settings.Get("so_reuseport") == "1";
  AddConnections(co_await session.Query({"pgbouncer_servers", "SHOW SERVERS"}, {}, deadline), found);
  co_return found;
}

}  // namespace pgtls::pgbouncer
