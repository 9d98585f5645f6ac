// What the sessions collector may not see, and what to do about it.
#pragma once

#include "exporter/sampling/part.h"

namespace pgtls::collectors {

inline constexpr sampling::Remedy kEncryptionRemedies[] = {
    {"error",
     "Compare pg_stat_activity with pg_stat_ssl and pg_stat_get_activity(NULL) on the server: a client in the first "
     "has no row in the others. Check that pg_stat_ssl is PostgreSQL's own view (\\d+ pg_catalog.pg_stat_ssl in "
     "psql)."},
};

inline constexpr sampling::Remedy kProcessesRemedies[] = {
    {"so_reuseport",
     "Several PgBouncer processes may listen on this port, and each console shows the clients of its own process. Give "
     "each process a unix_socket_dir of its own, and list them all in servers[].processes of the exporter's "
     "configuration."},
    {"no_peers",
     "The processes do not name each other, so it is not known whether all are listed in servers[].processes. Give "
     "each "
     "process a peer_id of its own, and all the same section [peers] (PgBouncer 1.19 or later), then restart them."},
    {"not_listed",
     "A process that another one names in [peers] is not listed in servers[].processes, or has another peer_id now. "
     "Add "
     "the host and port of its Unix socket there."},
    {"unreachable",
     "Check that the process that is named runs, that the exporter may use its Unix socket, and that its user is in "
     "stats_users there. If the process is no more, remove it from servers[].processes and from [peers]."},
    {"listed_twice",
     "The entries of servers[].processes that are named lead to a process that another entry leads to as well. Give "
     "each process a unix_socket_dir of its own, and name it: the port that they share leads to any of them."},
};

inline constexpr sampling::Remedy kEstablishedRemedies[] = {
    {"insufficient_privilege",
     "GRANT SELECT ON pg_catalog.pg_stat_database, pg_catalog.pg_stat_bgwriter TO tls_exporter; (the role that the "
     "exporter logs in as)"},
    {"error",
     "The server log has the error; SELECT datname, sessions, stats_reset FROM pg_catalog.pg_stat_database; in psql "
     "shows it too."},
};

inline constexpr sampling::Remedy kPolicyRemedies[] = {
    {"not_shown",
     "A PgBouncer shows no client certificate, and from 1.25 on no cipher of TLS 1.3. Give the entries of "
     "policy.require with client_issuers or ciphers selectors (user, database, client_addr) that leave its clients "
     "out; min_version is judged."},
    {"issuer_cut",
     "pg_stat_ssl shows the first 63 bytes of an issuer's name, and policy.require has a longer name that begins with "
     "them. Write these 63 bytes into client_issuers to accept every issuer whose name begins so."},
};

inline constexpr sampling::DeclaredPart kSessionsParts[] = {
    {"encryption", "the encryption of some sessions", kEncryptionRemedies},
    {"established", "how many sessions there were between the samples", kEstablishedRemedies},
    {"policy", "whether some connections meet policy.require", kPolicyRemedies},
    {"processes", "clients of other processes on the same port", kProcessesRemedies},
};

}  // namespace pgtls::collectors
