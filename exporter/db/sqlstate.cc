#include "exporter/db/sqlstate.h"

#include <algorithm>

namespace pgtls::db {
namespace {

bool IsCode(std::string_view text) {
  return text.size() == 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

FailureReason ReasonForSqlstate(std::string_view sqlstate) {
  if (sqlstate.empty()) return FailureReason::kConnection;
  if (sqlstate == "42501") return FailureReason::kInsufficientPrivilege;
  if (sqlstate == "57014" || sqlstate == "55P03") return FailureReason::kTimeout;  // query_canceled, lock_not_available
  const std::string_view category = sqlstate.substr(0, 2);
  if (category == "28") return FailureReason::kAuthentication;
  // connection_exception, too_many_connections, admin_shutdown … cannot_connect_now
  if (category == "08" || sqlstate == "53300" || sqlstate.starts_with("57P0")) return FailureReason::kConnection;
  return FailureReason::kError;
}

bool SpendsConnection(std::string_view sqlstate) {
  // feature_not_supported ("cached plan must not change result type"), duplicate_prepared_statement
  if (sqlstate == "0A000" || sqlstate == "42P05") return true;
  const std::string_view category = sqlstate.substr(0, 2);
  // connection exceptions and protocol violations, cursors, transaction states, missing statements, missing portals,
  // internal errors
  return category == "08" || category == "24" || category == "25" || category == "26" || category == "34" ||
         category == "XX";
}

std::string SqlstateInConnectError(std::string_view message) {
  std::string found;
  for (std::size_t at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 1)) {
    const std::string_view code = message.substr(at + 3, 5);
    if (IsCode(code) && message.substr(at + 8, 1) == ":") found = code;
  }
  return found;
}

}  // namespace pgtls::db
