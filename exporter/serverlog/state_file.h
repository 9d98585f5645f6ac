// Where a log was read to, kept in a file over a restart. All servers of a process may share one file. These calls
// block.
#pragma once

#include <optional>
#include <string>

#include "exporter/serverlog/follow.h"

namespace pgtls::serverlog {

// `identity`: which files the position is in; one of other files is not returned. nullopt: the file has none for this
// server, or does not exist. Throws Error if the file cannot be read or is no state file.
std::optional<Position> LoadPosition(const std::string& path, const std::string& server, const std::string& identity);

// Replaces the server's position. Throws Error if the file cannot be written.
void StorePosition(const std::string& path, const std::string& server, const std::string& identity,
                   const Position& position);

}  // namespace pgtls::serverlog
