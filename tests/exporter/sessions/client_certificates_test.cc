#include "exporter/sessions/client_certificates.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgtls::sessions {
namespace {

using testing::ElementsAre;

// Sessions by hand.
class Sessions : public Snapshot {
 public:
  explicit Sessions(std::vector<Session> sessions) : sessions_(std::move(sessions)) {}
  std::int64_t now_us() const override { return 0; }
  std::int64_t postmaster_start_us() const override { return 0; }
  int size() const override { return static_cast<int>(sessions_.size()); }
  std::optional<Session> At(int row) const override { return sessions_[static_cast<std::size_t>(row)]; }
  bool shows_authenticating() const override { return true; }
  void DigestRows(Digester& /*digester*/) const override {}

 private:
  std::vector<Session> sessions_;
};

Session With(std::string_view user, std::string_view address, std::string_view serial = "10") {
  Session session;
  session.user = user;
  session.client_addr = address;
  session.ssl = true;
  session.client_certificate = true;
  session.client_dn = "/CN=app";
  session.issuer_dn = "/CN=CA";
  session.client_serial = serial;
  return session;
}

class ClientCertificateHistoryTest : public testing::Test {
 protected:
  // "user/serial connections addresses @last_seen".
  std::vector<std::string> At(std::int64_t second, std::vector<Session> sessions) {
    history_.Collected(second * 1'000'000);
    std::vector<std::string> lines;
    for (const auto& use : history_.Read(Sessions(std::move(sessions)))->uses) {
      std::string line = use.certificate.user + "/" + use.certificate.serial + " " + std::to_string(use.connections);
      for (const std::string& address : use.addresses) line += " " + address;
      lines.push_back(line + " @" + std::to_string(use.last_seen.time_since_epoch().count()));
    }
    return lines;
  }
  ClientCertificateHistory history_;
};

TEST_F(ClientCertificateHistoryTest, OpenOnesAndWhenTheOthersWereOpen) {
  EXPECT_THAT(
      At(10, {With("bob", "10.0.0.1"), With("bob", "10.0.0.1"), With("bob", "10.0.0.2"), With("eve", "::1", "11")}),
      ElementsAre("bob/10 3 10.0.0.1 10.0.0.2 @10", "eve/11 1 ::1 @10"));
  history_.Collected(20'000'000);  // the same sessions: nothing is read
  EXPECT_THAT(At(30, {With("eve", "::1", "11")}), ElementsAre("bob/10 0 @20", "eve/11 1 ::1 @30"));
  EXPECT_THAT(At(40, {With("eve", "::1", "11")}), ElementsAre("bob/10 0 @20", "eve/11 1 ::1 @40"));
  EXPECT_THAT(At(50, {With("bob", "10.0.0.3")}), ElementsAre("bob/10 1 10.0.0.3 @50", "eve/11 0 @40"));
}

TEST_F(ClientCertificateHistoryTest, OnlyWhatHasAuthenticatedWithACertificate) {
  Session authenticating = With("bob", "10.0.0.1");
  authenticating.authenticating = true;
  Session without = With("eve", "10.0.0.1");
  without.client_certificate = false;
  EXPECT_THAT(At(10, {authenticating, without}), testing::IsEmpty());
}

TEST_F(ClientCertificateHistoryTest, AddressesAreAFew) {
  std::vector<std::string> addresses;
  for (int i = 0; i < 9; ++i) addresses.push_back(fmt::format("10.0.0.{}", i));
  std::vector<Session> sessions;
  for (const std::string& address : addresses) sessions.push_back(With("bob", address));
  EXPECT_THAT(At(10, sessions), ElementsAre("bob/10 9 10.0.0.0 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 @10"));
}

TEST_F(ClientCertificateHistoryTest, TheOldestAreForgotten) {
  EXPECT_THAT(At(10, {With("first", "10.0.0.1")}), testing::SizeIs(1));
  std::vector<std::string> serials;
  for (std::size_t i = 0; i < kMostPastCertificates; ++i) serials.push_back(std::to_string(i));
  std::vector<Session> many;
  for (const std::string& serial : serials) many.push_back(With("bob", "10.0.0.1", serial));
  EXPECT_THAT(At(20, many), testing::SizeIs(kMostPastCertificates + 1)) << "those in use do not count";
  EXPECT_THAT(At(30, {}), testing::AllOf(testing::SizeIs(kMostPastCertificates),
                                         testing::Not(testing::Contains(testing::StartsWith("first")))));
}

}  // namespace
}  // namespace pgtls::sessions
