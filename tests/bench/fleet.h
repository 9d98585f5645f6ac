// Many servers for a benchmark: distinct addresses of 127.0.0.0/8, shared among a few real PostgreSQL 15 with TLS, each
// with sessions of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/postgres_server.h"

namespace pgtls::bench {

struct FleetOptions {
  int servers = 1000;
  // A session of the exporter on one address is a foreign one on the others of its cluster: the more clusters, the
  // nearer to servers of their own.
  int clusters = 20;
  int sessions = 20;  // on each cluster …
  int groups = 20;    // … of so many users; every tenth user comes without TLS
};

class Fleet {
 public:
  explicit Fleet(const FleetOptions& options);

  int size() const { return options_.servers; }
  const FleetOptions& options() const { return options_; }
  std::string Name(int server) const;
  std::string Address(int server) const;
  // sslmode=verify-full as a made-up host name; `root` is root() or bundle().
  std::string Conninfo(int server, const std::string& root) const;
  // As postgres_exporter's driver wants it, short: a thousand must fit into one environment variable.
  std::string Url(int server) const;
  // The exporter's configuration for the first `servers`.
  std::string Config(int servers, const std::string& root) const;

  // Another certificate for a cluster.
  support::Certificate Issue() const { return ca_.Issue({.common_name = "fleet", .dns_names = {"*.fleet.test"}}); }

  // Files: the fleet's authority, and the same behind all those that this machine's system trusts.
  const std::string& root() const { return root_; }
  const std::string& bundle() const { return bundle_; }

  support::PostgresServer& cluster(int server) const {
    return *clusters_[static_cast<std::size_t>(server) % clusters_.size()];
  }
  const std::vector<std::unique_ptr<support::PostgresServer>>& clusters() const { return clusters_; }
  // How often the statement of the sessions collector was executed by the exporters' role, on all clusters.
  long Executions() const;

 private:
  FleetOptions options_;
  support::TempDir dir_;
  support::TestCa ca_{"Fleet CA"};
  std::string root_;
  std::string bundle_;
  std::vector<std::unique_ptr<support::PostgresServer>> clusters_;
  std::vector<support::Client> sessions_;
};

// How often the statement of the sessions collector was executed by the exporters' role. Needs pg_stat_statements.
long SessionsExecutions(const support::PostgresServer& server);

}  // namespace pgtls::bench
