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
    {"role_setting",
     "Remove log_min_messages from the settings of the exporter's role, database and conninfo (ALTER ROLE tls_exporter "
     "RESET log_min_messages): it hides which value the other sessions have."},
};
inline constexpr sampling::Remedy kLoggingCollectorRemedies[] = {
    {"off",
     "Set logging_collector = on, which needs a restart of the server, or name the log's files on this machine in "
     "collectors.log.files (Debian: /var/log/postgresql/postgresql-17-main.log; the exporter must be in the group "
     "adm)."},
    {"log_destination",
     "Add jsonlog (15 and later), csvlog or stderr to log_destination, or name the log's files on this machine in "
     "collectors.log.files."},
    {"insufficient_privilege",
     "Run deploy/sql/monitoring_role.sql as a superuser in the database that the exporter connects to, and connect as "
     "tls_exporter; or run the exporter on the server's machine."},
    {"no_records",
     "Check collectors.log.files and log_destination: no file was written to since the exporter logged in, so they are "
     "not this server's log, or no longer."},
    {"no_file",
     "Check collectors.log.files, or log_directory and log_filename: there is no log file. The exporter must be "
     "allowed to list the directory."},
};
inline constexpr sampling::Remedy kLogFormatRemedies[] = {
    {"log_line_prefix",
     "Set log_line_prefix = '%m [%p] %q%u@%d ' or log_destination = jsonlog (15 and later) or csvlog: without %p or %c "
     "in the prefix the records of a connection cannot be put together, and without %m, %t or %n the exporter's own "
     "are "
     "counted."},
    {"ambiguous",
     "Set log_destination = jsonlog (15 and later) or csvlog: in the plain log, some lines could not be told from the "
     "texts of queries or names."},
    {"no_address",
     "Log the receipt of connections too (log_connections = on; 18 and later: receipt,authentication,authorization), "
     "or "
     "set log_destination = jsonlog or csvlog: some sessions were not counted, because the log does not say where they "
     "came from."},
    {"log_hostname",
     "Set log_hostname = off: the log has host names in place of addresses, so that clients over loopback and "
     "exemptions by address are not recognized."},
    {"malformed", "Check that the files are logs of this server: some records could not be read."},
};
inline constexpr sampling::Remedy kLogTranslatedRemedies[] = {
    {"lc_messages",
     "Set lc_messages = 'C' in postgresql.conf and reload: translated records cannot be read, and nothing is counted."},
    {"role_setting",
     "Remove lc_messages from the settings of the exporter's role, database and conninfo (ALTER ROLE tls_exporter "
     "RESET "
     "lc_messages): it hides in which language the other sessions' records are written."},
};
inline constexpr sampling::Remedy kLogFifoRemedies[] = {
    {"fifo",
     "The server writes its log into a FIFO or device, which the exporter does not open (it would take the records "
     "away "
     "from their reader), or its file was removed. Let that reader write a file, and name it in collectors.log.files; "
     "SELECT pg_rotate_logfile(); replaces a file that was removed."},
};
inline constexpr sampling::Remedy kLogStateRemedies[] = {
    {"unwritable",
     "Make the directory of collectors.log.state_file writable for the exporter, for example with StateDirectory= in "
     "its "
     "systemd unit. Until then, the log is read from its end on after a restart."},
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
    {"state_file", "where the log was read to, after a restart,", kLogStateRemedies},
    {"gap", "records of the server's log that were lost", kLogGapRemedies},
};

}  // namespace pgtls::collectors
