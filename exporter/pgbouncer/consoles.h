// The consoles of a PgBouncer: the one that the conninfo leads to, and those of ServerConfig::processes. With
// so_reuseport several processes listen on one port, and each console shows the clients of its own.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/sampling/collector.h"
#include "exporter/sampling/driver.h"

namespace pgtls::pgbouncer {

// What a process says of itself (SHOW CONFIG) and of the others (SHOW PEERS, 1.19 and later).
struct Introduction {
  bool so_reuseport = false;
  std::int64_t peer_id = 0;  // 0: none
  std::vector<std::int64_t> peers;
};

struct Console {
  std::string entry;                               // of ServerConfig::processes; empty: the conninfo's own
  std::shared_ptr<sampling::ServerSession> owner;  // of `session`; null for the conninfo's own
  db::Session* session = nullptr;
  Deadline deadline;
  Introduction introduction;
};

struct Consoles {
  std::vector<Console> reached;  // the conninfo's own is the last one
  std::vector<sampling::IncompletePart> unreachable;
};

inline constexpr std::string_view kProcesses = "processes";  // the part

// An entry that could not be asked, as an incomplete part.
sampling::IncompletePart Unreachable(const std::string& entry, const std::exception_ptr& error);

// Opens them; kept from one collection to the next.
class ConsoleOpener {
 public:
  // Throws for the conninfo's own console, like Session::QueryAll().
  asio::awaitable<Consoles> Open(const sampling::Context& context);

 private:
  Introduction introduction_;   // of the conninfo's own console
  std::optional<int> session_;  // that it was read in
};

// Who was asked in one collection.
struct Asked {
  bool configured = false;  // ServerConfig::processes is not empty
  std::vector<sampling::IncompletePart> unreachable = {};
  std::vector<Introduction> answered = {};  // of each console; the conninfo's own is the last one
  std::size_t processes = 0;                // that they belong to
  std::vector<std::string> twice = {};      // entries that led to the process of another one
};

// What is not sure to have been asked. Empty: the processes name each other, and all of them answered; or nothing says
// that there are several.
std::vector<sampling::IncompletePart> MissingProcesses(const Asked& asked);

}  // namespace pgtls::pgbouncer
