#include "exporter/links/link.h"

#include <gtest/gtest.h>

#include <tuple>

namespace pgtls::links {
namespace {

Link WithSslmode(const std::string& sslmode) {
  return LinkOf(kSubscription, "shop", "sub", {.host = "db.example.com", .sslmode = sslmode});
}

TEST(LinkOf, ProtectsAsItsSslmodeSays) {
  EXPECT_EQ(WithSslmode("disable").protection, Protection::kNone);
  EXPECT_EQ(WithSslmode("allow").protection, Protection::kOptional);
  EXPECT_EQ(WithSslmode("prefer").protection, Protection::kOptional);
  EXPECT_EQ(WithSslmode("require").protection, Protection::kEncrypted);
  EXPECT_EQ(WithSslmode("verify-ca").protection, Protection::kCaVerified);
  EXPECT_EQ(WithSslmode("verify-full").protection, Protection::kVerified);
  EXPECT_EQ(WithSslmode("sometimes").protection, Protection::kUnknown);
  EXPECT_EQ(WithSslmode("sometimes").sslmode, "");
}

TEST(LinkOf, HasLibpqsDefaults) {
  const Link link = WithSslmode("");
  EXPECT_EQ(link.sslmode, "prefer");
  EXPECT_EQ(link.protection, Protection::kOptional);
  EXPECT_EQ(link.port, "5432");
  // libpq 16 and later verify fully with the system's root certificates.
  const Link system = LinkOf(kForeignServer, "shop", "f", {.host = "db.example.com", .sslrootcert = "system"});
  EXPECT_EQ(system.sslmode, "verify-full");
  EXPECT_EQ(system.protection, Protection::kVerified);
  const Link older = LinkOf(kForeignServer, "shop", "f",
                            {.host = "db.example.com", .sslrootcert = "system", .knows_system_root = false});
  EXPECT_EQ(older.protection, Protection::kOptional);
}

// A service file may set what the options leave open.
TEST(LinkOf, DoesNotGuessWhatAServiceFileSays) {
  const Link open = LinkOf(kSubscription, "shop", "sub", {.service = true});
  EXPECT_EQ(open.sslmode, "");
  EXPECT_EQ(open.protection, Protection::kUnknown);
  EXPECT_EQ(open.network, Network::kRemote);
  const Link set = LinkOf(kSubscription, "shop", "sub", {.host = "a", .sslmode = "verify-full", .service = true});
  EXPECT_EQ(set.protection, Protection::kVerified);
}

TEST(LinkOf, GssEncryptionThatIsRequiredProtectsToo) {
  const Link link = LinkOf(kSubscription, "shop", "sub", {.host = "a", .sslmode = "disable", .gssencmode = "require"});
  EXPECT_EQ(link.protection, Protection::kEncrypted);
  const Link prefers =
      LinkOf(kSubscription, "shop", "sub", {.host = "a", .sslmode = "disable", .gssencmode = "prefer"});
  EXPECT_EQ(prefers.protection, Protection::kNone);
}

TEST(LinkOf, AUnixSocketIsLocalWhateverItsSslmode) {
  for (const char* host : {"", "/run/postgresql", "@abstract", "/a,/b"}) {
    const Link link = LinkOf(kForeignServer, "shop", "f", {.host = host, .sslmode = "disable"});
    EXPECT_EQ(link.protection, Protection::kLocal) << host;
    EXPECT_EQ(link.network, Network::kLocal) << host;
  }
}

TEST(LinkOf, TheAddressIsWhereItLeads) {
  const Link both = LinkOf(kSubscription, "shop", "sub", {.host = "localhost", .hostaddr = "192.0.2.1"});
  EXPECT_EQ(both.network, Network::kRemote);
  EXPECT_EQ(both.host, "192.0.2.1");
  const Link named = LinkOf(kSubscription, "shop", "sub", {.host = "db.example.com", .hostaddr = "192.0.2.1"});
  EXPECT_EQ(named.host, "db.example.com");
  // An address that is left out is that of the host.
  const Link partly =
      LinkOf(kSubscription, "shop", "sub", {.host = "db.example.com,localhost", .hostaddr = ",127.0.0.1"});
  EXPECT_EQ(partly.network, Network::kRemote);
  const Link address = LinkOf(kSubscription, "shop", "sub", {.hostaddr = "127.0.0.1"});
  EXPECT_EQ(address.network, Network::kLoopback);
  EXPECT_EQ(address.host, "127.0.0.1");
}

TEST(NetworkOf, TakesTheFarthestOfAList) {
  EXPECT_EQ(NetworkOf("localhost"), Network::kLoopback);
  EXPECT_EQ(NetworkOf("127.0.0.5,::1"), Network::kLoopback);
  EXPECT_EQ(NetworkOf("/run/postgresql, localhost"), Network::kLoopback);
  EXPECT_EQ(NetworkOf("localhost,10.0.0.1"), Network::kRemote);
  EXPECT_EQ(NetworkOf("10.0.0.1,/run/postgresql"), Network::kRemote);
  // Resolved on the server: it may be anything.
  EXPECT_EQ(NetworkOf("localhost.example.com"), Network::kRemote);
}

}  // namespace
}  // namespace pgtls::links
