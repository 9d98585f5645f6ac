// The client backends and walsenders of a PostgreSQL server: pg_stat_activity with pg_stat_ssl and pg_stat_gssapi.
#pragma once

#include <asio/awaitable.hpp>
#include <memory>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/sampling/own_backends.h"
#include "exporter/sessions/snapshot.h"

namespace pgtls::postgres {

// Throws Error: insufficient_privilege where the role would see other sessions without their encryption (it lacks
// pg_read_all_stats). PostgreSQL shows such a role nulls and no error, which would read as an all-clear.
asio::awaitable<std::unique_ptr<const sessions::Snapshot>> ReadBackends(db::Session& session,
                                                                        sampling::OwnBackends& own, Deadline deadline);

}  // namespace pgtls::postgres
