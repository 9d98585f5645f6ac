// What others print into this process's standard error: libpq warns there about a password file, libstdc++ says there
// why it terminates. A log in JSON has to be JSON to its last line.
#pragma once

namespace pgtls::log {

// From here on, lines that are written to the C stream `stderr` are logged: a warning the first time, debug afterwards.
// An exception that nobody catches is logged before the process aborts. REQUIRES: before threads exist.
void TakeForeignOutput();

}  // namespace pgtls::log
