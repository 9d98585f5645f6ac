#include "exporter/pgbouncer/config.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/error.h"

namespace pgtls::pgbouncer {
namespace {

// Never auth_query or auth_ldap_options: they may hold names and passwords.
bool IsRelevant(std::string_view name) {
  constexpr std::array<std::string_view, 9> kOfTls = {"sslmode", "ca_file",   "cert_file", "key_file",  "protocols",
                                                      "ciphers", "dheparams", "ecdhcurve", "13_ciphers"};
  constexpr std::array<std::string_view, 10> kNames = {
      "auth_type",   "auth_hba_file", "auth_file", "auth_ident_file", "listen_addr",
      "listen_port", "so_reuseport",  "peer_id",   "unix_socket_dir", "unix_socket_mode"};
  for (const std::string_view side : {"client_tls", "server_tls"}) {
    if (!name.starts_with(side)) continue;
    std::string_view rest = name.substr(side.size());
    if (rest.starts_with('_')) rest.remove_prefix(1);
    return std::ranges::find(kOfTls, rest) != kOfTls.end();
  }
  return std::ranges::find(kNames, name) != kNames.end();
}

std::string VersionIn(std::string_view text) {
  constexpr std::string_view kName = "PgBouncer ";
  if (!text.starts_with(kName)) throw Error(FailureReason::kError, "SHOW VERSION does not name PgBouncer");
  text.remove_prefix(kName.size());
  return std::string(text.substr(0, text.find_first_not_of("0123456789.")));
}

std::vector<settings::PoolerSettings::Target> ReadTargets(const db::Result& rows) {
  constexpr std::string_view kConsole = "pgbouncer";  // leads nowhere
  const int name = rows.Column("name");
  const int host = rows.Column("host");
  const int port = rows.Column("port");
  std::vector<settings::PoolerSettings::Target> targets;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string_view database = rows.RequireText(row, name);
    if (database == kConsole) continue;
    targets.push_back({std::string(database), std::string(rows.Text(row, host).value_or("")),
                       std::string(rows.Text(row, port).value_or(""))});
  }
  return targets;
}

}  // namespace

asio::awaitable<settings::PoolerSettings> ReadConfig(db::Session& session, Deadline deadline) {
  std::vector<db::Request> requests = {{{"pgbouncer_version", "SHOW VERSION"}, {}},
                                       {{"pgbouncer_config", "SHOW CONFIG"}, {}},
                                       {{"pgbouncer_databases", "SHOW DATABASES"}, {}}};
  std::vector<db::Answer> answers = co_await session.QueryAll(std::move(requests), deadline);
  const db::Result version = db::Take(std::move(answers[0]));
  const db::Result rows = db::Take(std::move(answers[1]));
  settings::PoolerSettings settings;
  settings.version = VersionIn(version.RequireText(0, version.Column("version")));
  const int key = rows.Column("key");
  const int value = rows.Column("value");
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string_view name = rows.RequireText(row, key);
    if (IsRelevant(name)) settings.values.emplace(name, rows.Text(row, value).value_or(""));
  }
  if (settings.Get("client_tls_sslmode").empty()) {
    throw Error(FailureReason::kError, "SHOW CONFIG does not show client_tls_sslmode");
  }
  settings.targets = ReadTargets(db::Take(std::move(answers[2])));
  co_return settings;
}

}  // namespace pgtls::pgbouncer
