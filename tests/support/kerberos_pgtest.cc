#include "tests/support/kerberos.h"

#include <gtest/gtest.h>

#include "tests/support/postgres_server.h"

namespace pgtls::support {
namespace {

TEST(KerberosRealm, EncryptsAConnection) {
  const KerberosRealm realm;
  const PostgresServer server({.major = GssMajor(),
                               .hba = "local all all trust\nhostgssenc all all 127.0.0.1/32 gss include_realm=0\n",
                               .settings = {"krb_server_keyfile = '" + realm.server_keytab() + "'"},
                               .environment = realm.environment()});
  server.Execute("CREATE ROLE bob LOGIN");
  realm.SetEnvironment();
  realm.LogIn("bob");
  Client client(server.Conninfo("host=localhost user=bob gssencmode=require"));
  const Rows rows =
      server.Query("SELECT encrypted, principal FROM pg_stat_gssapi WHERE pid = " + std::to_string(client.pid()));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0][0], "t");
  EXPECT_EQ(rows[0][1], "bob@PGTLS.TEST");
}

}  // namespace
}  // namespace pgtls::support
