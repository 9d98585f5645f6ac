// What the log collector found, as a fact for the audit and the status page.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/protection.h"

namespace pgtls::serverlog {

struct LoggedClients {
  std::string database;
  std::string user;
  std::string client_addr;
  std::string application_name;
  Network network = Network::kRemote;
  bool allowed = false;
  std::size_t sessions = 0;
};

struct Summary {
  std::chrono::seconds window{0};
  std::chrono::seconds followed{0};  // how long the exporter has been following the log
  // Within the window, without pairs that have none. Absent encryption: not known.
  std::map<std::pair<Network, std::optional<Encryption>>, std::size_t> sessions;
  std::vector<LoggedClients> unencrypted;  // within the window
  std::size_t rejected = 0;                // plaintext attempts refused by pg_hba.conf, since the exporter follows
  std::size_t contradictions = 0;          // the same: records that pg_stat_ssl or pg_hba.conf contradicts
  std::size_t gaps = 0;
};

}  // namespace pgtls::serverlog
