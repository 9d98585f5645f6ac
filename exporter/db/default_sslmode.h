// The sslmode of connections for which the operator sets none.
#pragma once

#include <libpq-fe.h>

#include <string>

namespace pgtls::db {

// Makes "require" libpq's default sslmode for this process; conninfo, service file and PGSSLMODE take precedence, and
// libpq ignores sslmode over Unix sockets. Call once at start, before threads exist.
void RequireEncryptionByDefault();

// Whether the connection must be given sslmode=verify-full in place of this process's default: with sslrootcert=system
// libpq defaults to it, and refuses every other sslmode. `merged`: all options of the connection, as PQconninfo returns
// them; may be null.
bool DefaultsToVerifyFull(const std::string& conninfo, const PQconninfoOption* merged);

}  // namespace pgtls::db
