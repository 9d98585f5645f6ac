// The clients of all processes of a PgBouncer, as one server.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/pgbouncer/clients.h"
#include "exporter/pgbouncer/consoles.h"
#include "exporter/sampling/own_backends.h"
#include "exporter/sessions/snapshot.h"

namespace pgtls::pgbouncer {

struct AllClients {
  std::unique_ptr<const sessions::Snapshot> snapshot;
  std::vector<sampling::IncompletePart> missing;  // processes whose clients are not there
};

// Kept from one collection to the next.
class AllClientsReader {
 public:
  // Throws for the console of the conninfo, like ClientReader::Read(); another process that fails is missing.
  asio::awaitable<AllClients> Read(const sampling::Context& context);
  // Of consoles that are open already. `configured`: as MissingProcesses() has it.
  asio::awaitable<AllClients> Read(Consoles consoles, bool configured, sampling::OwnBackends& own,
                                   std::string_view own_user);

 private:
  struct Followed {
    ClientReader reader;
    // After a reconnect another process may answer: restarted, or another one behind the same address. It is the same
    // one only where one of the connections of last time is still there.
    std::int64_t process = 0;
    std::optional<int> session;  // that showed `open`
    std::vector<Identity> open;
  };
  struct Answer;
  struct OneProcess;
  asio::awaitable<std::unique_ptr<const Clients>> Ask(const Console& console, sampling::OwnBackends& own,
                                                      std::string_view own_user);
  void Follow(Followed& console, const Answer& answer);
  class Snapshot;

  ConsoleOpener opener_;
  std::map<std::string, Followed> followed_;  // by Console::entry
  std::int64_t last_process_ = 0;
};

}  // namespace pgtls::pgbouncer
