// What the audit says of root files that clients will have one day.
#include <gmock/gmock.h>

#include "exporter/tls/probe.h"
#include "tests/exporter/audit/snapshot.h"

namespace pgtls::audit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

SnapshotBuilder With(std::vector<tls::RootVerdict> roots) {
  tls::CertificateInventory inventory;
  inventory.roots = std::move(roots);
  SnapshotBuilder builder;
  builder.Publish(std::move(inventory));
  return builder;
}

TEST(RootFindings, ReadyAndNot) {
  const SnapshotBuilder builder = With({{"both", "/r/both.crt", "", {}}, {"next", "/r/next.crt", "", {"unknown_ca"}}});
  EXPECT_THAT(builder.Ids(), ElementsAre("note root_not_ready", "fine roots_ready"));
  EXPECT_EQ(builder.ExitCode(), 0);
  const Finding ready = builder.Of("roots_ready");
  EXPECT_EQ(ready.title, "The server is ready for the root file both");
  EXPECT_THAT(ready.evidence, ElementsAre("file /r/both.crt", "served: verifies"));
  const Finding not_ready = builder.Of("root_not_ready");
  EXPECT_EQ(not_ready.title, "The server is not ready for the root file next");
  EXPECT_THAT(not_ready.evidence, ElementsAre("file /r/next.crt", "served: does not verify (unknown_ca)"));
  EXPECT_THAT(not_ready.remedy, HasSubstr("cross-signed certificate of its authority into ssl_cert_file"));
}

TEST(RootFindings, EveryNameMustBeReady) {
  const SnapshotBuilder builder = With({{"next", "/r/next.crt", "", {}},
                                        {"next", "/r/next.crt", "a.example", {"expired"}},
                                        {"next", "/r/next.crt", std::string(tls::kWithoutSni), {}}});
  EXPECT_THAT(builder.Ids(), ElementsAre("note root_not_ready"));
  const Finding finding = builder.Of("root_not_ready");
  EXPECT_THAT(finding.evidence,
              ElementsAre("file /r/next.crt", "served: verifies", "served to a.example: does not verify (expired)",
                          "served to clients without SNI: verifies"));
  EXPECT_THAT(finding.remedy, HasSubstr("expired: "));
  EXPECT_THAT(finding.remedy, Not(HasSubstr("cross-signed")));
}

TEST(RootFindings, WithoutAVerdictThereIsNoAllClear) { EXPECT_THAT(With({}).Ids(), IsEmpty()); }

TEST(RootFindings, APoolerHasItsOwnCommands) {
  SnapshotBuilder builder = With({{"next", "/r/next.crt", "", {"self_signed"}}});
  builder.snapshot().kind = settings::kPgBouncer;
  EXPECT_THAT(builder.Of("root_not_ready").remedy,
              HasSubstr("into client_tls_cert_file, after the server's own, then run RELOAD"));
}

}  // namespace
}  // namespace pgtls::audit
