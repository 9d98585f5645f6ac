#include "exporter/sessions/session.h"

#include <gtest/gtest.h>

namespace pgtls::sessions {
namespace {

Session From(std::string_view client_addr, std::optional<int> client_port) {
  Session session;
  session.client_addr = client_addr;
  session.client_port = client_port;
  return session;
}

Network NetworkOf(std::string_view client_addr) { return OriginOf(From(client_addr, 40000)).network; }

TEST(OriginOf, UnixSocketIsLocal) {
  // A Unix-socket session has port -1 and no address.
  EXPECT_EQ(OriginOf(From("", -1)).network, Network::kLocal);
  EXPECT_FALSE(OriginOf(From("", -1)).address);
}

TEST(OriginOf, LoopbackIsTheWholeNet) {
  EXPECT_EQ(NetworkOf("127.0.0.1"), Network::kLoopback);
  EXPECT_EQ(NetworkOf("127.255.3.4"), Network::kLoopback);
  EXPECT_EQ(NetworkOf("::1"), Network::kLoopback);
  EXPECT_EQ(NetworkOf("::ffff:127.0.0.5"), Network::kLoopback);
}

TEST(OriginOf, TheRestIsRemote) {
  EXPECT_EQ(NetworkOf("10.1.2.3"), Network::kRemote);
  EXPECT_EQ(NetworkOf("128.0.0.1"), Network::kRemote);
  EXPECT_EQ(NetworkOf("2001:db8::1"), Network::kRemote);
  EXPECT_EQ(NetworkOf("::ffff:10.0.0.5"), Network::kRemote);
}

TEST(OriginOf, AnAddressIsAsTheServerShowsIt) {
  EXPECT_EQ(OriginOf(From("::ffff:10.0.0.5", 1)).address, IpAddress::Parse("::ffff:10.0.0.5"));
}

TEST(OriginOf, TcpWithoutAReadableAddressIsRemote) {
  // Nothing that came over TCP may pass as local or loopback.
  EXPECT_EQ(NetworkOf("fe80::1%eth0"), Network::kRemote);
  EXPECT_FALSE(OriginOf(From("fe80::1%eth0", 1)).address);
  EXPECT_EQ(OriginOf(From("", 40000)).network, Network::kRemote);
  EXPECT_EQ(OriginOf(From("10.0.0.1", std::nullopt)).network, Network::kRemote);
  // The server could not print the address.
  EXPECT_EQ(OriginOf(From("", std::nullopt)).network, Network::kRemote);
  EXPECT_FALSE(OriginOf(From("", std::nullopt)).address);
}

TEST(EncryptionOf, WhatIsNotKnownIsNeitherPlaintextNorTls) {
  Session session;
  session.ssl = std::nullopt;
  EXPECT_EQ(EncryptionOf(session), std::nullopt);
  session.gss_encrypted = true;
  EXPECT_EQ(EncryptionOf(session), Encryption::kGss);
}

TEST(EncryptionOf, TellsTheThreeApart) {
  Session session;
  EXPECT_EQ(EncryptionOf(session), Encryption::kNone);
  session.gss_encrypted = true;
  EXPECT_EQ(EncryptionOf(session), Encryption::kGss);
  session.gss_encrypted = false;
  session.ssl = true;
  EXPECT_EQ(EncryptionOf(session), Encryption::kTls);
}

TEST(ToString, GivesTheLabels) {
  EXPECT_EQ(ToString(Network::kLocal), "local");
  EXPECT_EQ(ToString(Network::kLoopback), "loopback");
  EXPECT_EQ(ToString(Network::kRemote), "remote");
  EXPECT_EQ(ToString(Encryption::kNone), "none");
  EXPECT_EQ(EncryptionLabel(Encryption::kTls), "tls");
  EXPECT_EQ(ToString(Encryption::kGss), "gss");
  EXPECT_EQ(EncryptionLabel(std::nullopt), "unknown");
}

}  // namespace
}  // namespace pgtls::sessions
