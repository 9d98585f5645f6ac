// Settings about the log whose values are lists: "receipt, authorization".
#pragma once

#include <string_view>

namespace pgtls::serverlog {

bool ListsWord(std::string_view list, std::string_view word);

// Whether a server with this log_connections ("on", or stages from 18 on) logs each session when it is authorized.
bool LogsSessions(std::string_view log_connections);

}  // namespace pgtls::serverlog
