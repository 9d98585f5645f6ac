// A Kerberos realm of one test, for GSS encryption: its own KDC, a principal for the server and principals for clients.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "tests/support/process.h"

namespace pgtls::support {

// The version of this run if it is built with GSS (Debian's are: 15, 17 and 19), otherwise 15.
int GssMajor();

// Use:
//   KerberosRealm realm;
//   PostgresServer server({.major = GssMajor(), .hba = "… hostgssenc all all 127.0.0.1/32 gss include_realm=0 …",
//                          .settings = {"krb_server_keyfile = '" + realm.server_keytab() + "'"},
//                          .environment = realm.environment()});
//   realm.LogIn("bob");  // and then, with realm.environment() in this process's own environment,
//   Client client(server.Conninfo("host=localhost user=bob gssencmode=require"));
class KerberosRealm {
 public:
  // Starts the KDC. Throws std::runtime_error with its log if it does not start.
  KerberosRealm();

  // KRB5_CONFIG, KRB5_KDC_PROFILE and KRB5CCNAME. SetEnvironment puts them into the test's own environment.
  std::map<std::string, std::string> environment() const;
  void SetEnvironment() const;
  // The key of postgres/localhost, readable by the server.
  std::string server_keytab() const { return directory_.path() + "/server.keytab"; }
  // Makes the principal where it does not exist and gets its ticket.
  void LogIn(const std::string& principal) const;

 private:
  TempDir directory_;
  int port_;
  std::unique_ptr<Process> kdc_;
};

}  // namespace pgtls::support
