#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "exporter/audit/wire_remedies.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

using enum db::LoginProblem;

constexpr const char* kByReason =
    "Check host, port, user and password in the conninfo, and the server log at this time.";

// Without a known problem: by the reason alone.
std::string_view RemedyFor(FailureReason reason, bool pooler) {
  if (pooler) return PoolerLoginRemedy(reason);
  switch (reason) {
    case FailureReason::kTimeout:
      return "Check whether the server answers at all (`pg_isready -h HOST -p PORT`), its load and the network. Slow "
             "logins need a larger timeout: the collectors' `timeout`, of which the longest is used for the login.";
    case FailureReason::kInsufficientPrivilege:
      return sampling::kRunRoleFile;
    case FailureReason::kAuthentication:
      return "Check user, password and the line of pg_hba.conf for the exporter's role; the server log has the reason.";
    case FailureReason::kTls:
      return "Check sslmode, sslrootcert, sslcert and sslkey in the conninfo, and the server log.";
    case FailureReason::kError:
      return "Check the server log for the statement that failed at the start of the session. If a pooler answers at "
             "this address, use PostgreSQL's own address in the conninfo.";
    case FailureReason::kConnection:
      break;
  }
  return kByReason;
}

// What is known from outside about a connection that pg_hba.conf does not admit: is it another one that it wants?
void AddAdmission(const tls::EndpointFacts& endpoint, std::string_view rules, Cause& cause) {
  const auto over_tls = endpoint.client.admission;
  if (over_tls == tls::Admission::kAdmitted || over_tls == tls::Admission::kAuthFailed) {
    cause.evidence.push_back(fmt::format("over TLS, {} admits this user and database from here", rules));
    cause.remedy = "Put sslmode=require or more into the conninfo: only connections without TLS are refused.";
    return;
  }
  if (over_tls == tls::Admission::kRefused) {
    cause.evidence.push_back(fmt::format("over TLS, {} refuses this user and database from here", rules));
    if (endpoint.tls && endpoint.tls->client_certificate_requested && endpoint.client.certificate_file.empty()) {
      cause.evidence.emplace_back("the server asks for a client certificate, and none is configured");
    }
  }
  if (endpoint.plaintext_accepted) {
    cause.evidence.push_back(fmt::format("without TLS, {} {} this user and database from here", rules,
                                         *endpoint.plaintext_accepted ? "admits" : "refuses"));
  }
}

// What is known from outside.
void AddEvidence(const Evidence& evidence, db::LoginProblem problem, Cause& cause) {
  if (!evidence.endpoint) return;
  auto& lines = cause.evidence;
  const tls::EndpointFacts& endpoint = *evidence.endpoint;
  if (problem == kServerWithoutTls && endpoint.ssl_answer == tls::Answer::kNo) {
    lines.push_back(Printable(fmt::format("at {}: the answer to SSLRequest is N", endpoint.address)));
  }
  if (problem == kNotAdmitted) AddAdmission(endpoint, WordsOf(evidence).rules, cause);
  if (problem == kNotVerified && endpoint.chain_errors && !endpoint.chain_errors->empty()) {
    std::ranges::move(WhyNotVerified(evidence).evidence, std::back_inserter(lines));
  }
  if (problem == kHostMismatch && endpoint.hostname_ok == false) {
    std::ranges::move(WhyWrongHost(endpoint.host, endpoint, WordsOf(evidence)).evidence, std::back_inserter(lines));
  }
}

}  // namespace

std::string_view LoginRemedy(db::LoginProblem problem, const Words& words) {
  if (words.product != kWordsOfPostgres.product) {
    const std::string_view remedy = PoolerLoginRemedy(problem);
    if (!remedy.empty()) return remedy;
  }
  switch (problem) {
    case kUnknown:
      break;
    case kConninfo:
      return "Correct the option that the message names, in the conninfo or in libpq's environment (PGHOST, PGPORT …).";
    case kNameNotResolved:
      return "Correct the host name in the conninfo, or let this machine resolve it: `getent hosts NAME` must print "
             "its address.";
    case kRefused:
      return "Check that the server runs and listens there: `port` and `listen_addresses` in postgresql.conf, a port "
             "that a container publishes, a firewall that rejects. `pg_isready -h HOST -p PORT` tests it.";
    case kUnreachable:
      return "Check the address, the route and the firewall between this machine and the server: `pg_isready -h HOST "
             "-p PORT` must answer. Packets are dropped, or the host is down.";
    case kSocketMissing:
      return "Check that the server runs on this machine, and that `host` names a directory of its "
             "unix_socket_directories and `port` its port (in a container: that the directory is shared).";
    case kSocketDenied:
      return "Let the exporter's OS user use the socket: unix_socket_permissions and unix_socket_group, and search "
             "permission (x) on its directory.";
    case kClosed:
      return "Check the server log: a backend that ended, a restart, or a proxy, a firewall or a load balancer without "
             "a server behind it that closes connections.";
    case kNotPostgres:
      return "Correct host and port: what listens there is neither PostgreSQL nor a pooler.";
    case kErrorBeforeTls:
      return "Check the server log: starting up, no free connection slot, or out of memory. If a proxy is in between, "
             "check whether its own server is there.";
    case kTargetSession:
      return "Change target_session_attrs or the list of hosts in the conninfo: none of them is a primary (or standby) "
             "as asked for.";
    case kServerWithoutTls:
      return "For this login: put sslmode=prefer into the conninfo; the exporter's own connection is then unencrypted. "
             "For the server: install a certificate and its key at the paths that ssl_cert_file and ssl_key_file name, "
             "then ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf(); If ssl is on already, the server log shows why "
             "the files were not loaded. For PgBouncer: set client_tls_cert_file, client_tls_key_file and "
             "client_tls_sslmode = require, or connect over its Unix socket (host=/…).";
    case kRootMissing:
      return "Install the CA's certificate at the path that sslrootcert names (by default ~/.postgresql/root.crt of "
             "the exporter's OS user), or correct sslrootcert. libpq 16 and newer also take sslrootcert=system, for a "
             "CA "
             "that this machine trusts.";
    case kRootUnusable:
      return "Replace the file that sslrootcert names (by default ~/.postgresql/root.crt) with the CA's certificate in "
             "PEM format, readable by the exporter's OS user. `openssl x509 -in FILE -noout -subject` tests it.";
    case kNotVerified:
      return "Compare the issuer of the server's certificate with the root certificates: put the CA that signed it "
             "into sslrootcert (with sslrootcert=system into the system's store: update-ca-certificates), and "
             "intermediate certificates into the server's ssl_cert_file. An expired or revoked "
             "certificate must be renewed. `openssl s_client -starttls postgres -connect HOST:PORT -CAfile ROOT` says "
             "which.";
    case kHostMismatch:
      return "Use one of the certificate's names as `host` in the conninfo (and hostaddr for the address, if the name "
             "does not resolve to it), or issue a certificate whose subjectAltName has this host. sslmode=verify-ca "
             "leaves the name unchecked.";
    case kClientCertificateUnusable:
      return "Set sslcert to the client's certificate in PEM format, readable by the exporter's OS user. `openssl "
             "x509 -in FILE -noout -subject` tests it.";
    case kClientKeyMissing:
      return "Install the key at the path that sslkey names (by default ~/.postgresql/postgresql.key). If the exporter "
             "needs no client certificate, remove the certificate (sslcert, by default ~/.postgresql/postgresql.crt).";
    case kClientKeyMode:
      return "chmod 0600 the file that sslkey names, and let the exporter's OS user own it (root may, with mode 0640).";
    case kClientKeyPassphrase:
      return "Put the passphrase into the conninfo as sslpassword, or store the key without one: openssl pkey -in KEY "
             "-out NEWKEY.";
    case kClientKeyUnusable:
      return "Replace the file that sslkey names with the key of the client certificate, in PEM format, readable by "
             "the exporter's OS user. `openssl pkey -in FILE -noout` tests it.";
    case kClientKeyMismatch:
      return "Set sslcert and sslkey to a certificate and its own key: `openssl x509 -in CERT -noout -pubkey` and "
             "`openssl pkey -in KEY -pubout` must print the same.";
    case kClientCaUnknown:
      return "Add the CA that signed the client certificate (sslcert) to the server's ssl_ca_file and reload the "
             "server, or use a certificate of a CA that is in it. To send no certificate, set sslcert=/nonexistent.";
    case kClientCertificateRequired:
      return "Give the exporter a client certificate (sslcert, sslkey) of a CA in the server's ssl_ca_file.";
    case kClientCertificateExpired:
      return "Renew the client certificate that sslcert names: `openssl x509 -in FILE -noout -enddate`.";
    case kClientCertificateRevoked:
      return "Issue a new client certificate for the exporter: the one that sslcert names is in the server's "
             "ssl_crl_file or ssl_crl_dir.";
    case kClientCertificateRefused:
      return "Check the client certificate that sslcert names against the server's ssl_ca_file (`openssl verify "
             "-CAfile CA -purpose sslclient FILE`); the server log has the reason.";
    case kClientCertificateNotExchanged:
      return "Set ssl_ca_file on the server, so that it asks for a client certificate, and give the exporter one "
             "(sslcert, "
             "sslkey); or remove sslcertmode=require from the conninfo.";
    case kTlsVersion:
      return "Make the ranges of TLS versions overlap: ssl_min_protocol_version and ssl_max_protocol_version of the "
             "conninfo (libpq's "
             "minimum is TLSv1.2), MinProtocol of this machine's openssl.cnf, and the settings of the same names on "
             "the server.";
    case kTlsCipher:
      return "Configure a cipher suite that both sides support and that fits the certificate's key: ssl_ciphers (and "
             "ssl_groups or ssl_ecdh_curve) on the server, CipherString of this machine's openssl.cnf. A TLS proxy may "
             "also require a client certificate (sslcert).";
    case kTlsTooWeak:
      return "Issue a server certificate with a larger key (RSA 2048, EC P-256) and SHA-256, or use better DH "
             "parameters (ssl_dh_params_file). Lowering SECLEVEL in openssl.cnf only hides it.";
    case kTlsName:
      return "Use a host name that the server or TLS proxy has a certificate for (SNI), or add one for this name "
             "there. sslsni=0 sends no name.";
    case kTlsFailed:
      return "Check the server log for its side of the handshake. `openssl s_client -starttls postgres -connect "
             "HOST:PORT` shows where it fails.";
    case kGss:
      return "Get a Kerberos ticket for the exporter's OS user (kinit, KRB5_CLIENT_KTNAME), or put gssencmode=disable "
             "into the conninfo.";
    case kPasswordMissing:
      return "Configure the password: password_file, a line in ~/.pgpass (mode 0600, of the exporter's OS user; libpq "
             "ignores it otherwise), or PGPASSWORD.";
    case kPasswordFile:
      return "Set password_file to a readable file that contains the password.";
    case kPasswordWrong:
      return "Check user and password. PostgreSQL answers the same for a role that does not exist, has no password or "
             "one that has expired (VALID UNTIL), for a stored MD5 password under scram-sha-256, and where "
             "clientcert=verify-full finds another name in the certificate: the server log has the reason.";
    case kChannelBinding:
      return "If channel_binding=require is in the conninfo, the server must offer SCRAM over TLS without a proxy that "
             "ends TLS in between. With an Ed25519 or Ed448 server certificate SCRAM has no channel binding in libpq: "
             "put channel_binding=disable into the conninfo, or issue an RSA or ECDSA certificate.";
    case kAuthenticationMethod:
      return "Change the method in the line of pg_hba.conf for this user (scram-sha-256, cert, md5, peer), or "
             "require_auth in the conninfo: this libpq cannot or may not use what the server asks for.";
    case kNotAdmitted:
      return "Add a line for this user, database and address to pg_hba.conf (hostssl for an encrypted connection, host "
             "or hostnossl for one without TLS) above any line that rejects it, then SELECT pg_reload_conf(); If the "
             "line requires a client certificate (cert, clientcert=), configure sslcert and sslkey. `pg_tls_exporter "
             "explain` names the line that decides.";
    case kMethodRefused:
      return "Check the method that pg_hba.conf has for this user: peer and ident compare the OS user, cert the "
             "certificate's name (map them in pg_ident.conf); ldap, pam, radius and gss ask another service. The "
             "server log "
             "has the reason.";
    case kRoleMissing:
      return "Create the role with deploy/sql/monitoring_role.sql, or ALTER ROLE … LOGIN; or correct `user` in the "
             "conninfo (by default the OS user's name).";
    case kServerWithoutRoot:
      return "Set ssl_ca_file on the server to the CA of the client certificates and reload it, or take clientcert= "
             "(or the method cert) out of this line of pg_hba.conf.";
    case kPooler:
      return "Add the exporter's user and database to the pooler (PgBouncer: auth_file or auth_query, [databases], "
             "ignore_startup_parameters), or use PostgreSQL's own address in the conninfo. The pooler's log has the "
             "reason.";
    case kConsoleDenied:
      return "Add the exporter's user to stats_users in pgbouncer.ini, then run RELOAD on the console.";
    case kDatabaseMissing:
      return "Correct dbname in the conninfo (by default the user's name); `postgres` exists nearly everywhere.";
    case kDatabaseDenied:
      return "GRANT CONNECT ON DATABASE … TO the exporter's role, or put another dbname into the conninfo.";
    case kDatabaseClosed:
      return "Put another dbname into the conninfo: this one has datallowconn = false (template0) or is being changed.";
    case kTooManyConnections:
      return "Free connection slots: raise max_connections, reserve some for the exporter (GRANT "
             "pg_use_reserved_connections and reserved_connections, 16 and later), or put a pooler before the clients.";
    case kTooManyOfRole:
      return "ALTER ROLE … CONNECTION LIMIT for the exporter's role: it needs a few connections (one session and its "
             "probes) for each exporter.";
    case kTooManyOfDatabase:
      return "ALTER DATABASE … CONNECTION LIMIT, or put another dbname into the conninfo.";
    case kNotReady:
      return "Wait: the exporter tries again. A standby needs hot_standby = on; if this does not change, check the "
             "server log.";
    case kShutDown:
      return "Check the server log: the server was stopped, or an administrator ended the session.";
    case kParameter:
      return "Correct `options` in the conninfo (PGOPTIONS), or ALTER ROLE/DATABASE … RESET the setting that the "
             "message names.";
    case kServerError:
      return "Check the server log for this error, which ended the login.";
    case kReloading:
      return "Find what reloads the server repeatedly (the server log has 'received SIGHUP' each time): a "
             "configuration agent or a script that calls pg_reload_conf() in a loop.";
  }
  return "";
}

void AddLogin(const Evidence& evidence, Findings& findings) {
  if (!evidence.snapshot.connection_failure) return;
  const sampling::Failure& failure = *evidence.snapshot.connection_failure;
  const bool known = failure.login != kUnknown;
  Cause cause = {{Printable(FailureText(failure))},
                 std::string(known ? LoginRemedy(failure.login, WordsOf(evidence))
                                   : RemedyFor(failure.reason, evidence.is_pooler()))};
  AddEvidence(evidence, failure.login, cause);
  findings.push_back({Severity::kWarning, "no_login",
                      known ? fmt::format("Could not log in: {}", Describe(failure.login))
                            : "Could not log in, or lost the connection",
                      std::move(cause.evidence), "Only what needs no login was checked. Not checked does not mean OK.",
                      std::move(cause.remedy), true});
}

}  // namespace pgtls::audit
