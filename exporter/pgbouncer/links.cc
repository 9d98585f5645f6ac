#include "exporter/pgbouncer/links.h"

#include <exception>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "exporter/base/all.h"
#include "exporter/pgbouncer/config.h"

namespace pgtls::pgbouncer {
namespace {

using links::Links;

constexpr std::string_view kUnixSocket = "unix";  // in place of an address

// What one console shows.
struct Shown {
  settings::PoolerSettings settings;
  db::Result servers;
};

asio::awaitable<Shown> Ask(const Console& console) {
  auto config = ReadConfig(*console.session, console.deadline);
  settings::PoolerSettings settings = co_await std::move(config);
  auto servers = console.session->Query({"pgbouncer_servers", "SHOW SERVERS"}, {}, console.deadline);
  co_return Shown{std::move(settings), co_await std::move(servers)};
}

// The processes of one port have the same databases, as a rule; each may have its own copy of the root certificates.
class Targets {
 public:
  void Add(const settings::PoolerSettings& settings, Links& found);

 private:
  std::set<std::tuple<std::string, std::string, std::string, std::string, bool>> known_;
};

void Targets::Add(const settings::PoolerSettings& settings, Links& found) {
  const std::string sslmode(settings.Get("server_tls_sslmode"));
  const std::string sslrootcert(settings.Get("server_tls_ca_file"));
  for (const auto& [database, host, port] : settings.targets) {
    if (!known_.emplace(database, host, port, sslmode, sslrootcert.empty()).second) continue;
    found.links.push_back(links::LinkOf(links::kPooler, database, "",
                                        {.host = host, .port = port, .sslmode = sslmode, .sslrootcert = sslrootcert}));
  }
}

// A process that was asked twice shows its connections twice.
class Connections {
 public:
  void Add(const db::Result& rows, Links& found);

 private:
  std::set<std::tuple<std::string, std::string, std::int64_t, std::int64_t>> known_;
};

void Connections::Add(const db::Result& rows, Links& found) {
  const int user = rows.Column("user");
  const int database = rows.Column("database");
  const int state = rows.Column("state");
  const int addr = rows.Column("addr");
  const int tls = rows.Column("tls");
  const int remote_pid = rows.Column("remote_pid");
  const int local_port = rows.Column("local_port");
  const int connect_time = rows.Column("connect_time");
  const int ptr = rows.Column("ptr");
  for (int row = 0; row < rows.rows(); ++row) {
    // Still logging in: the handshake may be to come. Cancel requests are sent before one.
    const std::string_view now = rows.RequireText(row, state);
    if (now == "new" || now == "active_cancel") continue;
    const auto [_, is_new] =
        known_.emplace(rows.RequireText(row, ptr), rows.Text(row, connect_time).value_or(""),
                       rows.Int(row, remote_pid).value_or(0), rows.Int(row, local_port).value_or(0));
    if (!is_new) continue;
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

asio::awaitable<Links> LinkReader::Read(const sampling::Context& context,
                                        std::vector<sampling::IncompletePart>& missing) {
  auto open = opener_.Open(context);
  Consoles consoles = co_await std::move(open);
  std::vector<asio::awaitable<Shown>> asking;
  for (const Console& console : consoles.reached) asking.push_back(Ask(console));
  auto answered = co_await All(std::move(asking));
  if (answered.back().error) std::rethrow_exception(answered.back().error);

  Links found;
  found.kinds.push_back(links::kPooler);
  Targets targets;
  Connections connections;
  Asked asked = {.configured = !context.server.processes.empty(), .unreachable = std::move(consoles.unreachable)};
  std::set<std::int64_t> ids;
  for (std::size_t i = 0; i < answered.size(); ++i) {
    const auto& [entry, owner, session, deadline, introduction] = consoles.reached[i];
    if (answered[i].error) {
      asked.unreachable.push_back(Unreachable(entry, answered[i].error));
      continue;
    }
    targets.Add(answered[i].value->settings, found);
    connections.Add(answered[i].value->servers, found);
    asked.answered.push_back(introduction);
    const bool is_new = ids.insert(introduction.peer_id).second;
    if (!is_new && introduction.peer_id != 0 && !entry.empty()) asked.twice.push_back(entry);
  }
  asked.processes = ids.size();
  for (auto& part : MissingProcesses(asked)) {
    found.one_of_several = true;
    missing.push_back(std::move(part));
  }
  co_return found;
}

}  // namespace pgtls::pgbouncer
