#include <gmock/gmock.h>

#include "exporter/links/link.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using links::LinkOf;
using links::Links;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

SnapshotBuilder With(Links found, config::LoopbackSeverity loopback = config::LoopbackSeverity::kNote) {
  SnapshotBuilder builder;
  builder.snapshot().loopback = loopback;
  builder.Publish(std::move(found));
  return builder;
}

Links Subscription(const std::string& host, const std::string& sslmode) {
  return {.kinds = {links::kWalReceiver, links::kSubscription, links::kForeignServer},
          .links = {LinkOf(links::kSubscription, "shop", "sub", {.host = host, .sslmode = sslmode})}};
}

TEST(LinkFindings, ALinkMustNotFallBackToPlaintext) {
  for (const char* sslmode : {"disable", "allow", "prefer", ""}) {
    EXPECT_THAT(With(Subscription("db.example.com", sslmode)).Ids(), Contains("critical link_unprotected")) << sslmode;
    EXPECT_THAT(With(Subscription("localhost", sslmode)).Ids(), Contains("note link_unprotected")) << sslmode;
    EXPECT_THAT(With(Subscription("127.0.0.1", sslmode), config::LoopbackSeverity::kWarning).Ids(),
                Contains("warning link_unprotected"))
        << sslmode;
  }
  EXPECT_THAT(With(Subscription("db.example.com", "prefer")).Of("link_unprotected").evidence,
              ElementsAre("subscription sub in database shop: db.example.com port 5432, sslmode=prefer"));
}

TEST(LinkFindings, AnEncryptedLinkMayLeadToAnyServer) {
  for (const char* sslmode : {"require", "verify-ca"}) {
    EXPECT_THAT(With(Subscription("db.example.com", sslmode)).Ids(), Contains("warning link_unverified")) << sslmode;
  }
  EXPECT_THAT(With(Subscription("db.example.com", "verify-full")).Ids(), Contains("fine links_verified"));
}

TEST(LinkFindings, OneWeakLinkIsNoAllClear) {
  Links found = Subscription("db.example.com", "verify-full");
  found.links.push_back(LinkOf(links::kForeignServer, "shop", "f", {.host = "10.0.0.1", .sslmode = "prefer"}));
  const SnapshotBuilder builder = With(found);
  EXPECT_THAT(builder.Ids(), Not(Contains("fine links_verified")));
  EXPECT_THAT(builder.Of("link_unprotected").evidence,
              ElementsAre("foreign server f in database shop: 10.0.0.1 port 5432, sslmode=prefer"));
}

TEST(LinkFindings, WhatWasNotSeenIsNoAllClear) {
  Links found = Subscription("db.example.com", "verify-full");
  found.kinds.pop_back();
  EXPECT_THAT(With(found).Ids(), Each(Not(HasSubstr(" link"))));
}

// Neither a link over a Unix socket nor one that a service file describes is judged.
TEST(LinkFindings, WhatIsLocalOrNotKnownHasNone) {
  Links found = Subscription("/run/postgresql", "disable");
  found.links.push_back(LinkOf(links::kForeignServer, "shop", "f", {.service = true}));
  EXPECT_THAT(With(found).Ids(), Each(Not(HasSubstr(" link"))));
}

TEST(LinkFindings, APoolersTargetsAreItsSettingsMatter) {
  const Links found = {.links = {LinkOf(links::kPooler, "shop", "", {.host = "db.example.com", .sslmode = "prefer"})}};
  EXPECT_THAT(With(found).Ids(), Each(Not(HasSubstr(" link"))));
}

TEST(LinkFindings, ALongListIsCut) {
  Links found;
  for (int i = 0; i < 25; ++i) {
    found.links.push_back(LinkOf(links::kForeignServer, "shop", "f" + std::to_string(i), {.host = "10.0.0.1"}));
  }
  const Finding finding = With(found).Of("link_unprotected");
  EXPECT_THAT(finding.evidence, SizeIs(21));
  EXPECT_EQ(finding.evidence.back(), "and 5 more");
}

Links Standby(Network network, Encryption encryption) {
  return {
      .replication = {
          {.application_name = "replica", .client_addr = "10.0.0.2", .network = network, .encryption = encryption}}};
}

TEST(LinkFindings, AStandbyWithoutTls) {
  EXPECT_THAT(With(Standby(Network::kRemote, Encryption::kNone)).Ids(), Contains("critical replication_unencrypted"));
  EXPECT_THAT(With(Standby(Network::kLoopback, Encryption::kNone)).Ids(), Contains("note replication_unencrypted"));
  EXPECT_THAT(With(Standby(Network::kRemote, Encryption::kNone)).Of("replication_unencrypted").evidence,
              ElementsAre("replica (physical replication) from 10.0.0.2"));
  for (const auto encryption : {Encryption::kTls, Encryption::kGss}) {
    EXPECT_THAT(With(Standby(Network::kRemote, encryption)).Ids(), Each(Not(HasSubstr("replication_unencrypted"))));
  }
  EXPECT_THAT(With(Standby(Network::kLocal, Encryption::kNone)).Ids(), Each(Not(HasSubstr("replication_unencrypted"))));
}

TEST(LinkFindings, AStandbyThatThePolicyAllows) {
  sessions::Summary summary;
  summary.unencrypted = {{.database = "",
                          .user = "repl",
                          .client = {.range = Cidr::Parse("10.0.0.2")},
                          .application_name = "replica",
                          .network = Network::kRemote,
                          .allowed = true,
                          .connections = 1}};
  SnapshotBuilder builder = With(Standby(Network::kRemote, Encryption::kNone));
  EXPECT_THAT(builder.Publish(summary).Ids(), Each(Not(HasSubstr("replication_unencrypted"))));
  summary.unencrypted.push_back(summary.unencrypted[0]);
  summary.unencrypted[0].allowed = false;
  EXPECT_THAT(builder.Publish(summary).Ids(), Contains("critical replication_unencrypted"));
}

TEST(LinkFindings, APoolersOpenConnectionsWithoutTls) {
  const auto with = [](Network network, Encryption encryption) {
    const links::Outgoing one = {.kind = "pgbouncer",
                                 .database = "shop",
                                 .user = "app",
                                 .server_addr = "10.0.0.1",
                                 .network = network,
                                 .encryption = encryption};
    return With({.outgoing = {one, one}});
  };
  EXPECT_THAT(with(Network::kRemote, Encryption::kNone).Ids(), Contains("critical link_unencrypted"));
  EXPECT_THAT(with(Network::kRemote, Encryption::kNone).Of("link_unencrypted").evidence,
              ElementsAre("user app, database shop, to 10.0.0.1: 2 connections"));
  EXPECT_THAT(with(Network::kLoopback, Encryption::kNone).Ids(), Contains("note link_unencrypted"));
  EXPECT_THAT(with(Network::kRemote, Encryption::kTls).Ids(), Each(Not(HasSubstr("link_unencrypted"))));
  EXPECT_THAT(with(Network::kLocal, Encryption::kNone).Ids(), Each(Not(HasSubstr("link_unencrypted"))));
}

}  // namespace
}  // namespace pgtls::audit
