// The configuration of a PgBouncer: SHOW CONFIG and SHOW DATABASES.
#pragma once

#include <asio/awaitable.hpp>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/settings/pooler_settings.h"

namespace pgtls::pgbouncer {

// Throws like Session::QueryAll(), and Error where an answer has not the form of PgBouncer's.
asio::awaitable<settings::PoolerSettings> ReadConfig(db::Session& session, Deadline deadline);

}  // namespace pgtls::pgbouncer
