// What the links collector may not see, and what to do about it.
#pragma once

#include "collectors/sessions_parts.h"
#include "exporter/sampling/part.h"

namespace pgtls::collectors {

inline constexpr std::string_view kGrantStats =
    "GRANT pg_read_all_stats TO tls_exporter; (the role that the exporter logs in as)";

inline constexpr sampling::Remedy kLinksWalReceiverRemedies[] = {
    {"insufficient_privilege", kGrantStats},
    {"not_connected",
     "This standby is not connected to its upstream server; its sslmode is visible only while it is. Check the server "
     "log for "
     "why, "
     "and sslmode in primary_conninfo."},
    {"sslmode_unknown", "Set sslmode in primary_conninfo to one that libpq knows."},
    {"malformed", "Check sslmode in primary_conninfo: one of its values looks like another option."},
};
inline constexpr sampling::Remedy kReplicationRemedies[] = {
    {"insufficient_privilege", kGrantStats},
};
inline constexpr sampling::Remedy kSubscriptionsRemedies[] = {
    {"insufficient_privilege", sampling::kRunRoleFile},
    {"malformed",
     "Write the conninfo of the subscription without %HH in the names of its options: ALTER SUBSCRIPTION … "
     "CONNECTION '…'; Until then it is not known what they set."},
    {"sslmode_unknown",
     "Set sslmode in the conninfo of the subscription that is named: what a service file sets cannot be seen, and an "
     "unknown value protects nothing."},
    {"foreign_server",
     "The subscription takes its options from a foreign server that could not be read. See why the foreign servers of "
     "its database could not be checked."},
};
inline constexpr sampling::Remedy kForeignServersRemedies[] = {
    {"sslmode_unknown",
     "Set sslmode in the options of the foreign server that is named: what a service file sets cannot be seen, and an "
     "unknown value protects nothing."},
    {"max_databases",
     "Raise collectors.links.max_databases above the number of databases: each is logged in to for a moment at every "
     "interval."},
    {"pooler",
     "Let the conninfo name the server itself, not its pooler: through a pooler only the conninfo's own database is "
     "checked."},
    {"insufficient_privilege",
     "GRANT CONNECT ON DATABASE … TO tls_exporter; in the database that is named (the role that the exporter logs in "
     "as)."},
    {"authentication",
     "Let pg_hba.conf admit the login of the exporter's role to the database that is named, as it does to the "
     "conninfo's database."},
    {"tls",
     "Compare the rules of pg_hba.conf for the database that is named with those for the conninfo's: the exporter's "
     "sslmode gets no login there."},
    {"timeout",
     "The databases took longer than collectors.links.timeout: raise it, or lower collectors.links.max_databases."},
    {"connection", "Check the server log for why the login to the database that is named was refused."},
    {"error", "Check the server log for the error in the database that is named."},
};

inline constexpr sampling::DeclaredPart kLinksParts[] = {
    {"wal_receiver", "the connection to the upstream server", kLinksWalReceiverRemedies},
    {"replication", "who replicates from this server", kReplicationRemedies},
    {"subscriptions", "where subscriptions lead", kSubscriptionsRemedies},
    {"foreign_servers", "foreign servers of some databases", kForeignServersRemedies},
    {"processes", "server connections of other processes on the same port", kProcessesRemedies},
};

}  // namespace pgtls::collectors
