// The composition root: from a command line to an exit code. All that main() does.
#pragma once

#include <string>
#include <vector>

#include "exporter/config/command_line.h"
#include "exporter/config/config.h"

namespace pgtls {

// Exit codes: 0 success; 1 a server was down (collect), or the program could not start or go on and a later try may
// succeed; 2 bad usage or configuration, or output that could not be written. check, explain and report have their own.
int RunApp(int argc, char** argv);

// The configuration that the command line names: a file, --dsn, DATA_SOURCE_NAME, or libpq's environment alone. Both of
// the latter may be lists (db/data_source.h). Throws ConfigError. Blocks.
config::Config LoadConfig(const config::CommandLine& line);

// What Prometheus' data prove about a period. Throws ConfigError; UnavailableError where it does not answer.
int Report(const config::CommandLine& line);

// The exporter itself: watches and serves until SIGTERM or SIGINT. SIGHUP reloads.
int Serve(const config::CommandLine& line);

}  // namespace pgtls
