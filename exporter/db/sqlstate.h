// From SQLSTATE classes (PostgreSQL, Appendix A) to the reasons that the exporter reports.
#pragma once

#include <string>
#include <string_view>

#include "exporter/base/error.h"

namespace pgtls::db {

// The reason for an error of a running query. An empty sqlstate is a lost connection.
FailureReason ReasonForSqlstate(std::string_view sqlstate);

// Whether the cause may be this very session, so that only another one is sure to be without it: a prepared statement,
// portal or transaction that a pooler or a reset took away or left behind, a plan whose function was made anew, an
// internal error.
bool SpendsConnection(std::string_view sqlstate);

// The SQLSTATE of the last error in libpq's text about a failed connection, at PQERRORS_VERBOSE: "FATAL:  28P01: …".
// The severity is translated, the code is not. Empty where no server answered.
std::string SqlstateInConnectError(std::string_view message);

}  // namespace pgtls::db
