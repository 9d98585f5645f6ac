// Endpoint and certificates share one handshake.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "collectors/certificates.h"
#include "collectors/endpoint.h"
#include "exporter/sampling/once.h"
#include "exporter/tls/inventory.h"
#include "tests/collectors/harness.h"
#include "tests/collectors/wire_peer.h"
#include "tests/support/files.h"

namespace pgtls::collectors {
namespace {

class SharedHandshakeTest : public testing::Test {
 protected:
  void Aim(Harness& harness, const WirePeer& peer) const {
    harness.peer = db::Peer{IpAddress::V4(0x7F000001), peer.port(), "localhost", "ann", "shop"};
    harness.target.options = {{"host", "localhost"}, {"sslrootcert", none_}, {"sslcert", none_}};
  }
  // The connections of one collection of certificates, which finds what is served.
  int Connections() {
    const int before = peer_.connections();
    certificates_.session = nullptr;
    EXPECT_EQ(certificates_.Collect().facts.Get<tls::CertificateInventory>()->served.size(), 1u);
    return peer_.connections() - before;
  }
  // The connections of one run of these collectors, as `collect` makes them.
  int ConnectionsOnce(const std::set<std::string>& enabled) {
    const int before = peer_.connections();
    asio::io_context loop;
    BlockingPool blocking(1);
    db::Connector connector(blocking, 1);
    const std::vector<const sampling::CollectorType*> types = {&CertificatesCollector(), &EndpointCollector()};
    sampling::Runtime runtime{loop, blocking, connector, types};
    config::Config config;
    auto& server = config.servers.emplace_back();
    server.name = "db";
    server.conninfo = fmt::format("host=127.0.0.1 port={0} sslrootcert={1} sslcert={1}", peer_.port(), none_);
    for (const auto* type : types) {
      auto& collector = server.collectors.emplace(type->name, type->schema.Defaults()).first->second;
      collector.enabled = enabled.contains(std::string(type->name));
    }
    const auto snapshots = sampling::CollectOnce(config, runtime);
    if (enabled.contains("certificates")) {
      EXPECT_EQ(snapshots.at(0)->facts().Get<tls::CertificateInventory>()->served.size(), 1u);
    }
    return peer_.connections() - before;
  }

  support::TestCa ca_;
  support::TempDir files_;
  const std::string none_ = files_.path() + "/none";
  WirePeer peer_{ca_.IssueForLocalhost()};
  WirePeer other_{ca_.IssueForLocalhost()};
  Harness endpoint_{EndpointCollector()};
  Harness certificates_{CertificatesCollector()};
};

TEST_F(SharedHandshakeTest, CertificatesTakesTheLookRightBefore) {
  Aim(endpoint_, peer_);
  Aim(certificates_, peer_);
  EXPECT_EQ(Connections(), 1) << "there was no handshake to reuse";
  certificates_.facts = endpoint_.Collect().facts;
  EXPECT_EQ(Connections(), 0);
  certificates_.config.interval = std::chrono::milliseconds(0);
  EXPECT_EQ(Connections(), 1) << "that was longer ago: the certificate may have been replaced";
}

TEST_F(SharedHandshakeTest, AHandshakeWithAnotherServerIsNotReused) {
  Aim(endpoint_, other_);
  Aim(certificates_, peer_);
  certificates_.facts = endpoint_.Collect().facts;
  EXPECT_EQ(Connections(), 1);
}

TEST_F(SharedHandshakeTest, OneRunMakesOneHandshakeForBoth) {
  const int alone = ConnectionsOnce({"endpoint"});
  EXPECT_EQ(ConnectionsOnce({"endpoint", "certificates"}), alone);
  EXPECT_EQ(ConnectionsOnce({"certificates"}), 1);
}

}  // namespace
}  // namespace pgtls::collectors
