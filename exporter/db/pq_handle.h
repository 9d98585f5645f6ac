// Owners of libpq's objects.
#pragma once

#include <libpq-fe.h>

#include <memory>

namespace pgtls::db {

struct ConnDeleter {
  void operator()(PGconn* conn) const { PQfinish(conn); }
};
struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
struct ConninfoDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

using ConnHandle = std::unique_ptr<PGconn, ConnDeleter>;
using ResultHandle = std::unique_ptr<PGresult, ResultDeleter>;
using ConninfoHandle = std::unique_ptr<PQconninfoOption, ConninfoDeleter>;

}  // namespace pgtls::db
