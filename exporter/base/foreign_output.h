// Messages that libraries write to this process's standard error: libpq's warnings about a password file, libstdc++'s
// reason for terminating. They go through the log, so that a log in JSON is JSON to its last line.
#pragma once

namespace pgtls::log {

// After this call, lines written to the C stream `stderr` are logged: as a warning the first time, as debug afterwards.
// An uncaught exception is logged before the process aborts. REQUIRES: called before threads exist.
void TakeForeignOutput();

}  // namespace pgtls::log
