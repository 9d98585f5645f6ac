// The rotation of a CA on a real server: at each step the collector answers for each root file as libpq's clients do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/certificates.h"
#include "exporter/db/target.h"
#include "tests/collectors/harness.h"
#include "tests/support/client.h"
#include "tests/support/files.h"
#include "tests/support/postgres_server.h"

namespace pgtls::collectors {
namespace {

using support::Certificate;
using support::PostgresServer;
using support::ServerTls;
using support::TestCa;

class RootsPgTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string conninfo =
        server_.Conninfo("host=localhost hostaddr=127.0.0.1 user=postgres sslmode=require sslrootcert=/none");
    harness_.Connect(conninfo);
    harness_.target = db::ResolveTarget(conninfo);
    harness_.peer = db::Peer{IpAddress::Parse("127.0.0.1"), server_.port(), "localhost", "postgres", "postgres"};
    harness_.server.roots = {{"both", files_.Write("both", today_.certificate() + next_.certificate())},
                             {"next", files_.Write("next", next_.certificate())},
                             {"today", files_.Write("today", today_.certificate())}};
  }
  void Serve(const Certificate& certificate) {
    server_.WriteDataFile("server.crt", certificate.chain);
    server_.WriteDataFile("server.key", certificate.key);
    server_.Reload();
  }
  // The root files with which the collector, and a client, accept the server.
  std::string Verified() {
    std::string names;
    for (const tls::RootVerdict& verdict : harness_.Collect().facts.Get<tls::CertificateInventory>()->roots) {
      if (verdict.errors.empty()) names += verdict.root + " ";
    }
    return names;
  }
  std::string Accepted() {
    std::string names;
    for (const auto& [name, path] : harness_.server.roots) {
      try {
        const support::Client client(
            server_.Conninfo("host=127.0.0.1 user=postgres sslmode=verify-ca sslcrl=/none sslrootcert=" + path));
        names += name + " ";
      } catch (const std::runtime_error&) {  // refused
      }
    }
    return names;
  }

  TestCa today_{"Today's CA"};
  TestCa next_{"Next CA"};
  support::TempDir files_;
  PostgresServer server_{
      {.hba = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n",
       .tls = ServerTls{today_.Intermediate("Issuing CA").IssueForLocalhost(), today_.certificate()}}};
  Harness harness_{CertificatesCollector()};
};

TEST_F(RootsPgTest, EachStepOfARotation) {
  EXPECT_EQ(Verified(), "both today ");
  EXPECT_EQ(Accepted(), Verified());

  // The next CA, which today's has signed: the server sends that certificate along.
  Serve(next_.CrossSigned(today_).IssueForLocalhost());
  EXPECT_EQ(Verified(), "both next today ");
  EXPECT_EQ(Accepted(), Verified());

  Serve(next_.IssueForLocalhost());
  EXPECT_EQ(Verified(), "both next ");
  EXPECT_EQ(Accepted(), Verified());
}

}  // namespace
}  // namespace pgtls::collectors
