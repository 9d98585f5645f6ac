// From SQLSTATE classes (PostgreSQL, Appendix A) to the reasons that the exporter reports.
#pragma once

#include <string>
#include <string_view>

#include "exporter/base/error.h"

namespace pgtls::db {

// Returns the reason for an error of a query. An empty sqlstate means a lost connection.
FailureReason ReasonForSqlstate(std::string_view sqlstate);

// Whether the error may concern only this session, so that a new connection is needed: a prepared statement, portal or
// transaction that a pooler or a reset removed or left behind, a plan whose function was replaced, an internal error.
bool SpendsConnection(std::string_view sqlstate);

// Returns the SQLSTATE of the last error in libpq's text about a failed connection attemption, at PQERRORS_VERBOSE:
// "FATAL:  28P01: …". The severity is translated, the code is not. Empty where no server answered.
std::string SqlstateInConnectError(std::string_view message);

}  // namespace pgtls::db
