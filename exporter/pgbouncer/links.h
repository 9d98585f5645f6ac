// Where a PgBouncer leads: SHOW DATABASES, SHOW SERVERS.
#pragma once

#include <asio/awaitable.hpp>
#include <vector>

#include "exporter/links/link.h"
#include "exporter/pgbouncer/consoles.h"
#include "exporter/sampling/collector.h"

namespace pgtls::pgbouncer {

// Of all its processes. Kept from one collection to the next.
class LinkReader {
 public:
  // Adds the processes whose links are not there to `missing`. Throws like ReadConfig() for the console of the
  // conninfo.
  asio::awaitable<links::Links> Read(const sampling::Context& context, std::vector<sampling::IncompletePart>& missing);

 private:
  ConsoleOpener opener_;
};

}  // namespace pgtls::pgbouncer
