#include "exporter/files/client_inventory.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <ctime>

#include "exporter/files/certificate_files.h"
#include "exporter/files/issued_certificates.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace pgtls::files {
namespace {

using std::chrono::days;
using support::TestCa;
using testing::ElementsAre;
using testing::IsEmpty;

// "found 90 days", "unknown", with " revoked".
std::string Text(const SoughtCertificate& one) {
  if (!one.found) return one.revoked ? "unknown revoked" : "unknown";
  std::string text = "found";
  if (one.not_after) {
    const auto left = *one.not_after - std::chrono::system_clock::now();
    text += fmt::format(" {} days", std::chrono::round<days>(left).count());
  }
  return text + (one.not_before ? " from its file" : "") + (one.revoked ? " revoked" : "");
}

class ClientInventoryTest : public testing::Test {
 protected:
  // What is known of /CN=NAME with this serial of an authority.
  std::string Find(const std::string& name, const std::string& serial, const std::string& issuer = "/CN=Clients") {
    std::vector<SoughtCertificate> sought = {{.client_dn = "/CN=" + name, .issuer_dn = issuer, .serial = serial}};
    missing_.clear();
    for (const auto& [part, reason, detail] : FindInInventory(paths_, sought)) {
      EXPECT_EQ(part, "client_inventory");
      missing_.push_back(reason + " " + detail.substr(detail.rfind('/') + 1));
    }
    return Text(sought.front());
  }
  std::string Issue(const TestCa& ca, const std::string& name, long serial, days end) {
    return ca.Issue({.common_name = name, .not_after = end, .serial = serial}).certificate;
  }
  // A line of index.txt.
  static std::string Line(const std::string& type, const std::string& serial, const std::string& name, days end) {
    const auto time = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now() + end);
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%y%m%d%H%M%SZ", &utc);
    return fmt::format("{}\t{}\t{}\t{}\tunknown\t/CN={}\n", type, text.data(), type == "R" ? "260101000000Z" : "",
                       serial, name);
  }
  void File(const std::string& name, const std::string& content) {
    paths_.files.push_back(files_.Write(name, content));
  }
  void Index(const std::string& name, const std::string& content) {
    paths_.openssl_index.push_back(files_.Write(name, content));
  }

  support::TempDir files_;
  InventoryPaths paths_;
  TestCa clients_{"Clients"};
  std::vector<std::string> missing_;
};

TEST_F(ClientInventoryTest, ByIssuerAndSerial) {
  File("bob.crt", Issue(clients_, "bob", 0x1F0, days(90)));
  EXPECT_EQ(Find("bob", "1F0"), "found 90 days from its file");
  EXPECT_EQ(Find("bob", "1F1"), "unknown");
  EXPECT_EQ(Find("eve", "1F0"), "unknown");
  EXPECT_EQ(Find("bob", "1F0", "/CN=Others"), "unknown");
  EXPECT_EQ(Find("bob", ""), "unknown");
  EXPECT_THAT(missing_, IsEmpty());
}

TEST_F(ClientInventoryTest, TheSameSerialUnderTwoIssuers) {
  const TestCa others("Others");
  File("a.crt", Issue(clients_, "bob", 7, days(90)));
  File("b.crt", Issue(others, "bob", 7, days(9)));
  EXPECT_EQ(Find("bob", "7"), "found 90 days from its file");
  EXPECT_EQ(Find("bob", "7", "/CN=Others"), "found 9 days from its file");
  // index.txt does not name its issuer; a file does.
  Index("index.txt", Line("V", "07", "bob", days(3)));
  EXPECT_EQ(Find("bob", "7"), "found 90 days from its file");
  paths_.files.clear();
  Index("other.txt", Line("V", "07", "bob", days(30)));
  EXPECT_EQ(Find("bob", "7"), "found 3 days") << "the earliest end";
}

TEST_F(ClientInventoryTest, AnIndexWithARevokedOne) {
  Index("index.txt", "# comment\n\n" + Line("V", "01", "ann", days(9)) + Line("R", "02", "bob", days(9)) +
                         Line("E", "03", "eve", days(-9)));
  EXPECT_EQ(Find("ann", "1"), "found 9 days");
  EXPECT_EQ(Find("bob", "2"), "found 9 days revoked");
  EXPECT_EQ(Find("eve", "3"), "found -9 days");
  EXPECT_THAT(missing_, IsEmpty());
}

TEST_F(ClientInventoryTest, WhatIsBrokenIsNamedAndTheRestCounts) {
  File("bob.crt", Issue(clients_, "bob", 1, days(9)));
  File("text.crt", "no certificate\n");
  File("cut.crt", clients_.certificate().substr(0, 99));
  paths_.files.push_back(files_.path() + "/none.crt");
  const std::string last = Line("V", "04", "last", days(9));
  Index("index.txt",
        Line("V", "02", "ann", days(9)) + "V\t2701\n" + Line("V", "03", "eve", days(9)) + last.substr(0, 20));
  EXPECT_EQ(Find("bob", "1"), "found 9 days from its file");
  EXPECT_THAT(missing_, ElementsAre("malformed cut.crt", "missing none.crt", "no_certificate text.crt"));
  paths_.files.clear();
  EXPECT_EQ(Find("eve", "3"), "found 9 days");
  EXPECT_EQ(Find("last", "4"), "unknown");
  EXPECT_THAT(missing_, ElementsAre("malformed index.txt:2"));
  paths_.openssl_index = {files_.path() + "/none.txt", files_.path()};
  EXPECT_EQ(Find("eve", "3"), "unknown");
  EXPECT_THAT(missing_, ElementsAre(testing::StartsWith("missing none.txt"), testing::StartsWith("unreadable ")));
}

// Wildcards take what is there: keys beside certificates, directories.
TEST_F(ClientInventoryTest, AFolderOfCertificatesAndKeys) {
  const support::Certificate bob = clients_.Issue({.common_name = "bob", .not_after = days(9), .serial = 1});
  files_.Write("bob.pem", bob.certificate);
  files_.Write("bob.key.pem", bob.key);
  support::MustRun({"mkdir", files_.path() + "/directory.pem"});
  paths_.files = {files_.path() + "/*.pem"};
  EXPECT_EQ(Find("bob", "1"), "found 9 days from its file");
  EXPECT_THAT(missing_, IsEmpty());
}

TEST_F(ClientInventoryTest, AFolderOfNothingIsMissing) {
  paths_.files = {files_.path() + "/*.pem"};
  EXPECT_EQ(Find("bob", "1"), "unknown");
  EXPECT_THAT(missing_, ElementsAre("missing *.pem"));
}

// PostgreSQL shows 63 bytes of a name.
TEST_F(ClientInventoryTest, ALongNameIsComparedAsItIsShown) {
  const std::string name(64, 'n');
  const std::string shown = ("/CN=" + name).substr(0, 63);
  File("long.crt", Issue(clients_, name, 1, days(9)));
  std::vector<SoughtCertificate> sought = {{.client_dn = shown, .issuer_dn = "/CN=Clients", .serial = "1"}};
  FindInInventory(paths_, sought);
  EXPECT_EQ(Text(sought.front()), "found 9 days from its file");
  paths_.files.clear();
  Index("index.txt", Line("V", "01", name, days(9)));
  sought = {{.client_dn = shown, .issuer_dn = "/CN=Clients", .serial = "1"}};
  FindInInventory(paths_, sought);
  EXPECT_EQ(Text(sought.front()), "found 9 days");
}

// Lines that lie across the pieces in which the file is read.
TEST_F(ClientInventoryTest, ALargeIndex) {
  std::string content;
  constexpr int kLines = 50'000;
  const std::string line = Line("V", "@", "#", days(9));
  const auto at = line.find('@');
  for (int i = 1; i <= kLines; ++i) {
    content += line.substr(0, at) + fmt::format("{:08X}", i) + line.substr(at + 1, line.find('#') - at - 1) +
               fmt::format("user{}\n", i);
  }
  ASSERT_GT(content.size(), std::size_t{2} << 20);
  Index("index.txt", content);
  std::vector<SoughtCertificate> sought;
  for (int i = 1; i <= kLines; i += 7) {
    sought.push_back(
        {.client_dn = fmt::format("/CN=user{}", i), .issuer_dn = "/CN=CA", .serial = fmt::format("{:X}", i)});
  }
  EXPECT_THAT(FindInInventory(paths_, sought), IsEmpty());
  for (const SoughtCertificate& one : sought) ASSERT_EQ(Text(one), "found 9 days") << one.client_dn;
}

TEST_F(ClientInventoryTest, RevokedByAListOfTheSameIssuer) {
  const support::Certificate bob = clients_.Issue({.common_name = "bob", .serial = 5});
  const TestCa others("Others");
  const std::vector<tls::FileReport> lists = {
      ReportOf("crl", "/crl", "", clients_.Crl({bob}), std::nullopt),
      ReportOf("extra", "/others", "", others.Crl({others.Issue({.common_name = "x", .serial = 6})}), std::nullopt)};
  std::vector<SoughtCertificate> sought = {{.client_dn = "/CN=bob", .issuer_dn = "/CN=Clients", .serial = "5"},
                                           {.client_dn = "/CN=ann", .issuer_dn = "/CN=Clients", .serial = "6"},
                                           {.client_dn = "/CN=x", .issuer_dn = "/CN=Others", .serial = "6"},
                                           {.client_dn = "/CN=y", .issuer_dn = "/CN=Others", .serial = ""}};
  FindRevoked(lists, sought);
  std::string revoked;
  for (const SoughtCertificate& one : sought) revoked += one.revoked ? 'y' : 'n';
  EXPECT_EQ(revoked, "ynyn");
}

// A file is parsed once, and again after each change.
TEST_F(ClientInventoryTest, AnUnchangedFileIsNotReadAgain) {
  const std::string path = files_.Write("bob.crt", Issue(clients_, "bob", 1, days(90)));
  paths_.files = {path};
  const auto age = [&] {  // the change of a moment ago is not kept
    ASSERT_TRUE(support::WaitUntil([&] {
      EXPECT_EQ(ReadIssuedFile(path)->certificates.size(), 1U);
      return ReadIssuedFile(path) == ReadIssuedFile(path);
    }));
  };
  EXPECT_NE(ReadIssuedFile(path), ReadIssuedFile(path));
  age();
  EXPECT_EQ(Find("bob", "1"), "found 90 days from its file");
  files_.Write("bob.crt", Issue(clients_, "bob", 1, days(30)));
  EXPECT_EQ(Find("bob", "1"), "found 30 days from its file");
  age();
  // Replaced by a file of another time, which no clock of this process has seen.
  support::MustRun({"cp", "-p", files_.Write("other", Issue(clients_, "bob", 1, days(9))), path + ".new"});
  support::MustRun({"touch", "-r", path, path + ".new"});
  support::MustRun({"mv", path + ".new", path});
  EXPECT_EQ(Find("bob", "1"), "found 9 days from its file");
  files_.Write("bob.crt", "cut");
  EXPECT_EQ(Find("bob", "1"), "unknown");
  EXPECT_THAT(missing_, ElementsAre("no_certificate bob.crt"));
}

}  // namespace
}  // namespace pgtls::files
