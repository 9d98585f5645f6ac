// Where a PgBouncer leads: SHOW DATABASES, SHOW SERVERS.
#pragma once

#include <asio/awaitable.hpp>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/links/link.h"

namespace pgtls::pgbouncer {

// Throws like ReadConfig().
asio::awaitable<links::Links> ReadLinks(db::Session& session, Deadline deadline);

}  // namespace pgtls::pgbouncer
