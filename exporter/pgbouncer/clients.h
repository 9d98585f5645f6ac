// The clients of a PgBouncer: SHOW CLIENTS, and SHOW SOCKETS for those that are logging in.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/pgbouncer/console_clock.h"
#include "exporter/sampling/own_backends.h"
#include "exporter/sessions/snapshot.h"

namespace pgtls::pgbouncer {

// Of one console; kept from one collection to the next. Cancel requests and the exporter's own connections are left
// out.
class ClientReader {
 public:
  // `own_user` is the user of the console session. Throws like Session::QueryAll(), and Error for a console that does
  // not have the columns that this needs.
  asio::awaitable<std::unique_ptr<const sessions::Snapshot>> Read(db::Session& session, sampling::OwnBackends& own,
                                                                  std::string_view own_user, Deadline deadline);
  // (id, start) of clients.
  using Identities = std::vector<std::pair<std::int64_t, std::int64_t>>;
  // Other processes may have the same port (so_reuseport), and clients that this console does not show.
  bool is_one_of_several() const { return is_one_of_several_; }

 private:
  std::optional<int> session_;  // whose configuration was read
  bool is_one_of_several_ = false;
  // After a reconnect another process may answer: restarted, or another one behind the same address. It is the same one
  // only where one of the clients of last time is still there.
  std::int64_t process_ = 0;
  Identities open_;
  std::optional<int> open_session_;  // that showed them
  ConsoleClock clock_;
};

}  // namespace pgtls::pgbouncer
