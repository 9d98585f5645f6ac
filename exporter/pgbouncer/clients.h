// The clients of one PgBouncer process: SHOW CLIENTS, and SHOW SOCKETS for those that are logging in.
#pragma once

#include <asio/awaitable.hpp>
#include <compare>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/base/digest.h"
#include "exporter/db/session.h"
#include "exporter/pgbouncer/console_clock.h"
#include "exporter/sampling/own_backends.h"
#include "exporter/sessions/session.h"

namespace pgtls::pgbouncer {

// A connection in a list of clients: no two processes have the same one, since the exporter's own connections to their
// consoles are at different places in their memory.
struct Identity {
  std::int64_t id = 0;  // as Session::id
  std::int64_t place = 0;
  std::int64_t start_us = 0;
  std::int64_t process = 0;  // of the client, over a Unix socket
  int port = 0;
  friend auto operator<=>(const Identity&, const Identity&) = default;
};

// What one console showed at one moment. Cancel requests and the exporter's own connections are left out.
class Clients {
 public:
  virtual ~Clients() = default;
  virtual std::int64_t now_us() const = 0;
  virtual int size() const = 0;
  virtual sessions::Session At(int row) const = 0;
  virtual Identity IdentityAt(int row) const = 0;
  // Of all connections of SHOW CLIENTS, the exporter's own ones too; sorted.
  virtual const std::vector<Identity>& identities() const = 0;
  // Adds what At() is made from.
  virtual void Digest(int row, Digester& digester) const = 0;

 protected:
  Clients() = default;
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;
};

// Of one console; kept from one collection to the next.
class ClientReader {
 public:
  // `own_user` is the user of the console session. Throws like Session::QueryAll(), and Error for a console that does
  // not have the columns that this needs.
  asio::awaitable<std::unique_ptr<const Clients>> Read(db::Session& session, sampling::OwnBackends& own,
                                                       std::string_view own_user, Deadline deadline);

 private:
  ConsoleClock clock_;
};

}  // namespace pgtls::pgbouncer
