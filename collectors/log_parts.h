// What the log collector may not see, and what to do about it.
#pragma once

#include "exporter/sampling/part.h"

namespace pgtls::collectors {

inline constexpr sampling::Remedy kLogConnectionsRemedies[] = {
    {"off",
     "Set log_connections = on (18 and later: receipt, authentication and authorization) in postgresql.conf and "
     "reload: without it the log has no connections."},
    {"log_min_messages",
     "Set log_min_messages = warning in postgresql.conf and reload: at fatal or panic, connections are not logged."},
};
inline constexpr sampling::Remedy kLoggingCollectorRemedies[] = {
    {"off",
     "Set logging_collector = on, which needs a restart of the server, or name the log's files on this machine in "
     "collectors.log.files (Debian: /var/log/postgresql/*.log; the exporter must be in the group adm)."},
    {"log_destination",
     "Add jsonlog (15 and later), csvlog or stderr to log_destination, or name the log's files on this machine in "
     "collectors.log.files."},
    {"insufficient_privilege",
     "Run deploy/sql/monitoring_role.sql as a superuser in the database that the exporter connects to, and connect as "
     "tls_exporter; or run the exporter on the server's machine."},
    {"no_file",
     "Check collectors.log.files, or log_directory and log_filename: there is no log file. The exporter must be "
     "allowed to list the directory."},
};
inline constexpr sampling::Remedy kLogFormatRemedies[] = {
    {"log_line_prefix",
     "Set log_line_prefix = '%m [%p] %q%u@%d ' or log_destination = jsonlog (15 and later) or csvlog: without %p or %c "
     "in the prefix, the records of a connection cannot be put together."},
    {"ambiguous",
     "Set log_destination = jsonlog (15 and later) or csvlog: in the plain log, some lines could not be told from the "
     "texts of queries or names."},
    {"log_hostname",
     "Set log_hostname = off: the log has host names in place of addresses, so that clients over loopback and "
     "exemptions by address are not recognized."},
    {"malformed", "Check that the files are logs of this server: some records could not be read."},
};
inline constexpr sampling::Remedy kLogTranslatedRemedies[] = {
    {"lc_messages",
     "Set lc_messages = 'C' in postgresql.conf and reload: translated records cannot be read, and nothing is counted."},
};
inline constexpr sampling::Remedy kLogFifoRemedies[] = {
    {"fifo",
     "The server writes its log into a FIFO or device, which the exporter does not open: it would take the records "
     "away from their reader. Let that reader write a file, and name it in collectors.log.files."},
};
inline constexpr sampling::Remedy kLogGapRemedies[] = {
    {"lost",
     "Records were lost within the last hour. Raise collectors.log.max_bytes, or lower collectors.log.interval, if "
     "the log grows faster than it is read; keep rotated files uncompressed for a while."},
};

inline constexpr sampling::DeclaredPart kLogParts[] = {
    {"log_connections", "connections in the server's log", kLogConnectionsRemedies},
    {"logging_collector", "the server's log files", kLoggingCollectorRemedies},
    {"format", "some records of the server's log", kLogFormatRemedies},
    {"translated", "the translated log", kLogTranslatedRemedies},
    {"fifo", "a log that is no file", kLogFifoRemedies},
    {"gap", "records of the server's log that were lost", kLogGapRemedies},
};

}  // namespace pgtls::collectors
