#include "tests/bench/fleet.h"

#include <algorithm>
#include <string_view>

namespace pgtls::bench {
namespace {

constexpr const char* kSystemBundle = "/etc/ssl/certs/ca-certificates.crt";

std::string Group(int index) { return "bench" + std::to_string(index); }

std::unique_ptr<support::PostgresServer> StartCluster(const support::Certificate& certificate, int connections,
                                                      int groups) {
  auto server = std::make_unique<support::PostgresServer>(
      support::PostgresOptions{.major = 15,
                               .settings = {"max_connections = " + std::to_string(connections),
                                            "shared_preload_libraries = 'pg_stat_statements'"},
                               .tls = support::ServerTls{.server = certificate},
                               .listen_addresses = "*"});
  server->RunSqlFile("deploy/sql/monitoring_role.sql");
  std::string roles = "CREATE EXTENSION pg_stat_statements; ALTER ROLE tls_exporter CONNECTION LIMIT -1;";
  for (int group = 0; group < groups; ++group) roles += "CREATE ROLE " + Group(group) + " LOGIN;";
  server->Execute(roles);
  return server;
}

}  // namespace

Fleet::Fleet(const FleetOptions& options) : options_(options) {
  root_ = dir_.Write("root.crt", ca_.certificate());
  bundle_ = dir_.Write("bundle.crt", support::ReadFile(kSystemBundle) + "\n" + ca_.certificate());
  const int clusters = std::min(options.clusters, options.servers);
  // What watches has one connection a server and a few more for a moment; two of those that watch may overlap.
  const int connections = options.sessions + 4 * (options.servers / clusters + 1) + 50;
  for (int i = 0; i < clusters; ++i) {
    clusters_.push_back(StartCluster(Issue(), connections, options.groups));
    for (int session = 0; session < options.sessions; ++session) {
      const int group = session % options.groups;
      sessions_.emplace_back(clusters_.back()->Conninfo("user=" + Group(group) +
                                                        (group % 10 == 0 ? " sslmode=disable" : " sslmode=require")));
    }
  }
}

std::string Fleet::Name(int server) const { return "db" + std::to_string(10000 + server).substr(1); }

std::string Fleet::Address(int server) const {
  return "127.1." + std::to_string(server / 250) + "." + std::to_string(1 + server % 250);
}

std::string Fleet::Conninfo(int server, const std::string& root) const {
  return "host=" + Name(server) + ".fleet.test hostaddr=" + Address(server) +
         " port=" + std::to_string(cluster(server).port()) +
         " dbname=postgres user=tls_exporter sslmode=verify-full sslrootcert=" + root;
}

std::string Fleet::Url(int server) const {
  return "postgresql://tls_exporter@" + Address(server) + ":" + std::to_string(cluster(server).port()) +
         "/postgres?sslmode=require";
}

std::string Fleet::Config(int servers, const std::string& root) const {
  std::string text = "servers:\n";
  for (int i = 0; i < servers; ++i) {
    text += "  - name: " + Name(i) + "\n    conninfo: " + Conninfo(i, root) + "\n";
  }
  return text;
}

long Fleet::Executions() const {
  long sum = 0;
  for (const auto& server : clusters_) sum += SessionsExecutions(*server);
  return sum;
}

long SessionsExecutions(const support::PostgresServer& server) {
  const auto rows = server.Query(
      "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE userid = 'tls_exporter'::regrole AND query LIKE "
      "'%pg_stat_ssl%' AND query LIKE '%backend_type%'");
  return std::stol(rows.at(0).at(0).value());
}

}  // namespace pgtls::bench
