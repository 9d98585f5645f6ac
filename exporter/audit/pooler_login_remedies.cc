#include "exporter/audit/wire_remedies.h"

namespace pgtls::audit {

using enum db::LoginProblem;

std::string_view PoolerLoginRemedy(db::LoginProblem problem) {
  switch (problem) {
    case kRefused:
      return "Check that PgBouncer runs and listens there: listen_addr and listen_port in pgbouncer.ini, a port that a "
             "container publishes, a firewall that rejects. `pg_isready -h HOST -p PORT` tests it.";
    case kSocketMissing:
      return "Check that PgBouncer runs on this machine, and that `host` is its unix_socket_dir and `port` its "
             "listen_port (in a container: that the directory is shared).";
    case kSocketDenied:
      return "Let the exporter's OS user use the socket: unix_socket_mode and unix_socket_group in pgbouncer.ini, and "
             "search permission (x) on its directory.";
    case kClosed:
      return "Check PgBouncer's log: a restart, client_login_timeout, client_idle_timeout, or a proxy, a firewall or a "
             "load balancer without a PgBouncer behind it that closes connections.";
    case kErrorBeforeTls:
      return "Check PgBouncer's log. If a proxy is in between, check whether PgBouncer is there.";
    case kServerWithoutTls:
      return "For this login: connect over PgBouncer's Unix socket (host=/…), or put sslmode=prefer into the conninfo; "
             "the exporter's own connection is then unencrypted. For all clients: set client_tls_cert_file and "
             "client_tls_key_file to a certificate and its key, and client_tls_sslmode = require, in pgbouncer.ini, "
             "then run RELOAD on the console.";
    case kNotVerified:
      return "Compare the issuer of PgBouncer's certificate with the root certificates: put the CA that signed it into "
             "sslrootcert (with sslrootcert=system into the system's store: update-ca-certificates), and intermediate "
             "certificates into client_tls_cert_file. An expired certificate must be renewed. `openssl s_client "
             "-starttls postgres -connect HOST:PORT -CAfile ROOT` says which.";
    case kClientCaUnknown:
      return "Add the CA that signed the client certificate (sslcert) to client_tls_ca_file and run RELOAD on the "
             "console, or use a certificate of a CA that is in it. To send no certificate, set sslcert=/nonexistent.";
    case kClientCertificateRequired:
      return "Give the exporter a client certificate (sslcert, sslkey) of a CA in client_tls_ca_file.";
    case kClientCertificateRevoked:
      return "Issue a new client certificate for the exporter: the one that sslcert names was revoked.";
    case kClientCertificateRefused:
      return "Check the client certificate that sslcert names against client_tls_ca_file (`openssl verify -CAfile CA "
             "-purpose sslclient FILE`); PgBouncer's log has the reason.";
    case kClientCertificateNotExchanged:
    case kServerWithoutRoot:
      return "Set client_tls_ca_file, and client_tls_sslmode = verify-ca or verify-full, in pgbouncer.ini, so that "
             "PgBouncer asks for a client certificate, and give the exporter one (sslcert, sslkey); or remove "
             "sslcertmode=require from the conninfo.";
    case kTlsVersion:
      return "Make the ranges of TLS versions overlap: ssl_min_protocol_version and ssl_max_protocol_version of the "
             "conninfo (libpq's minimum is TLSv1.2), MinProtocol of this machine's openssl.cnf, and "
             "client_tls_protocols in pgbouncer.ini.";
    case kTlsCipher:
      return "Configure a cipher suite that both sides support and that fits the certificate's key: "
             "client_tls_ciphers and client_tls_ecdhcurve in pgbouncer.ini, CipherString of this machine's "
             "openssl.cnf. A TLS proxy may also require a client certificate (sslcert).";
    case kTlsTooWeak:
      return "Issue a certificate with a larger key (RSA 2048, EC P-256) and SHA-256, or use better DH parameters "
             "(client_tls_dheparams). Lowering SECLEVEL in openssl.cnf only hides it.";
    case kTlsFailed:
      return "Check PgBouncer's log for its side of the handshake. `openssl s_client -starttls postgres -connect "
             "HOST:PORT` shows where it fails.";
    case kPasswordWrong:
      return "Check user and password: PgBouncer compares them with auth_file, or with what auth_query returns. "
             "PgBouncer's log has the reason.";
    case kChannelBinding:
      return "Remove channel_binding=require from the conninfo: PgBouncer has no channel binding.";
    case kAuthenticationMethod:
      return "Change auth_type in pgbouncer.ini (or the method in auth_hba_file), or require_auth in the conninfo: "
             "this libpq cannot or may not use what PgBouncer asks for.";
    case kNotAdmitted:
      return "Add a line for this user, the database pgbouncer and this address to auth_hba_file above any line that "
             "rejects it, then run RELOAD on the console.";
    case kMethodRefused:
      return "Check auth_type in pgbouncer.ini: cert compares the name in the certificate with the user, peer the OS "
             "user, pam and ldap ask another service. PgBouncer's log has the reason.";
    case kRoleMissing:
      return "Add the exporter's user to auth_file and to stats_users, then run RELOAD on the console; or correct "
             "`user` in the conninfo (by default the OS user's name).";
    case kDatabaseMissing:
      return "Put dbname=pgbouncer into the conninfo: that is the console.";
    case kTooManyConnections:
      return "Raise max_client_conn in pgbouncer.ini, and the limit of open files of its process.";
    case kShutDown:
      return "Check PgBouncer's log: it was stopped, or an administrator ended the session.";
    case kServerError:
      return "Check PgBouncer's log for this error, which ended the login.";
    default:
      return "";
  }
}

std::string_view PoolerLoginRemedy(FailureReason reason) {
  switch (reason) {
    case FailureReason::kTimeout:
      return "Check whether PgBouncer answers at all (`pg_isready -h HOST -p PORT`), its load and the network. Slow "
             "logins need a larger timeout: the collectors' `timeout`, of which the longest is used for the login.";
    case FailureReason::kInsufficientPrivilege:
      return LoginRemedy(kConsoleDenied);
    case FailureReason::kAuthentication:
      return "Check user and password, and auth_type and auth_file in pgbouncer.ini; PgBouncer's log has the reason.";
    case FailureReason::kTls:
      return "Check sslmode, sslrootcert, sslcert and sslkey in the conninfo, and PgBouncer's log.";
    case FailureReason::kError:
      return "Check PgBouncer's log. If another product answers at this address, or a release that this exporter does "
             "not know, watch it with the endpoint and certificates collectors only.";
    case FailureReason::kConnection:
      break;
  }
  return "Check host, port, user and password in the conninfo, and PgBouncer's log at this time.";
}

}  // namespace pgtls::audit
