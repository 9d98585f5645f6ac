// Verdicts about certificates that do not exist, compared with OpenSSL's about real ones, from real files and
// directories, at every moment that matters.
#include "exporter/tls/client_authorities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "exporter/tls/certificate_file.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"

namespace pgtls::tls {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using support::Certificate;
using support::CertificateSpec;
using support::CrlSpec;
using support::TestCa;
using testing::IsEmpty;

X509Ptr Read(const std::string& pem) {
  const BioPtr bio = ReadBio(pem);
  return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

std::string HashOf(const TestCa& ca) {
  return HashedListName(X509_get_subject_name(Read(ca.certificate()).get()), 0).substr(0, 8);
}

// The settings of a server, as files.
class ServerFiles {
 public:
  explicit ServerFiles(const std::string& ca_file) { verification_.authorities = Take("ca.crt", ca_file, false); }

  ServerFiles& CrlFile(const std::string& pem) {
    verification_.checks_revocation = true;
    verification_.others = Take("ca.crl", pem, false);
    return *this;
  }
  ServerFiles& InDirectory(const std::string& name, const std::string& pem) {
    verification_.checks_revocation = has_directory_ = true;
    Take(name, pem, true);
    return *this;
  }
  ServerFiles& EmptyDirectory() {
    verification_.checks_revocation = has_directory_ = true;
    return *this;
  }

  const ClientVerification& verification() const { return verification_; }
  std::string Path(const std::string& name) const { return files_->path() + "/" + name; }

  // What OpenSSL says of this client with these files at that time, as PostgreSQL sets it up (be-secure-openssl.c).
  bool Accepts(const Certificate& client, sys_seconds time) const {
    const X509StorePtr store(X509_STORE_new());
    EXPECT_EQ(X509_STORE_load_locations(store.get(), Path("ca.crt").c_str(), nullptr), 1);
    if (verification_.checks_revocation) {
      const std::string list = Path("ca.crl");
      EXPECT_EQ(X509_STORE_load_locations(store.get(), has_list_ ? list.c_str() : nullptr,
                                          has_directory_ ? files_->path().c_str() : nullptr),
                1);
      X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    const X509Ptr leaf = Read(client.certificate);
    const X509StoreCtxPtr context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
    X509_STORE_CTX_set_default(context.get(), "ssl_client");
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), time.time_since_epoch().count());
    return X509_verify_cert(context.get()) == 1;
  }

 private:
  std::vector<std::string> Take(const std::string& name, const std::string& pem, bool hashed) {
    const std::string path = files_->Write(name, pem);
    has_list_ = has_list_ || name == "ca.crl";
    const CertificateFile file = ParseCertificateFile(pem, std::nullopt);
    ListFile lists{path, {}, hashed, file.malformed == 0};
    lists.lists = file.decoded->crls;
    verification_.lists.push_back(lists);
    std::vector<std::string> certificates;
    for (const auto& certificate : file.decoded->certificates) certificates.push_back(DerOf(certificate.get()));
    return certificates;
  }

  std::shared_ptr<support::TempDir> files_ = std::make_shared<support::TempDir>();
  ClientVerification verification_;
  bool has_list_ = false;
  bool has_directory_ = false;
};

const sys_seconds kNow = std::chrono::floor<seconds>(std::chrono::system_clock::now());
// Long enough for any client to be verified with.
CertificateSpec Client() { return {.common_name = "ann", .not_before = -days(4000), .not_after = days(9000)}; }
CertificateSpec From(seconds not_before, seconds not_after) {
  return {.not_before = not_before, .not_after = not_after};
}

std::string ReasonsOf(const ClientAuthority& authority) {
  std::string text;
  for (const Refusal& refusal : authority.refusals) text += std::string(refusal.reason) + ":" + refusal.name + " ";
  return text;
}

// Every moment around which something begins or ends in these tests.
std::vector<sys_seconds> Moments() {
  std::vector<sys_seconds> moments;
  for (const int day : {-400, -40, -20, -10, -5, 0, 5, 10, 20, 40, 400}) {
    for (const int hour : {-1, 1}) moments.push_back(kNow + days(day) + hours(hour));
  }
  return moments;
}

// REQUIRES: `clients` are of the authorities in their order, one each.
void ExpectAsOpenssl(const ServerFiles& setup, const std::vector<Certificate>& clients) {
  for (const sys_seconds time : Moments()) {
    const ClientTrust trust = JudgeClientAuthorities(setup.verification(), time);
    ASSERT_EQ(trust.authorities.size(), clients.size());
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const ClientAuthority& authority = trust.authorities[i];
      EXPECT_EQ(authority.refusals.empty(), setup.Accepts(clients[i], time))
          << authority.subject << " at " << (time - kNow).count() << ": " << ReasonsOf(authority);
      // An end that lies ahead is one for OpenSSL, too.
      if (authority.refusals.empty() && authority.not_after) {
        EXPECT_FALSE(setup.Accepts(clients[i], *authority.not_after + seconds(1))) << (time - kNow).count();
      }
    }
    for (const ListInForce& list : trust.lists) {
      if (list.scope != ListScope::kAuthority || !list.next_update || *list.next_update <= time) continue;
      EXPECT_TRUE(std::ranges::any_of(clients, [&](const auto& c) { return !setup.Accepts(c, *list.next_update); }));
    }
  }
}

std::string ListsOf(const ServerFiles& setup, sys_seconds now = kNow) {
  std::string text;
  for (const ListInForce& list : JudgeClientAuthorities(setup.verification(), now).lists) {
    text += list.path.substr(list.path.rfind('/') + 1) + " " + list.issuer + " ";
    text += list.next_update ? std::to_string(std::chrono::round<days>(*list.next_update - kNow).count()) : "-";
    text += list.scope == ListScope::kUnknownIssuer ? " unknown; " : "; ";
  }
  return text;
}

std::string List(const TestCa& ca, int from_days, int to_days) {
  return ca.Crl(CrlSpec{.revoked = {}, .this_update = days(from_days), .next_update = days(to_days), .extensions = {}});
}

TEST(ClientAuthoritiesTest, AuthoritiesExpireOnThePath) {
  const TestCa root("Root", From(-days(400), days(40)));
  const TestCa issuing = root.Intermediate("Issuing", From(-days(40), days(400)));
  const TestCa other("Other", From(-days(400), -days(10)));
  const TestCa soon("Soon", From(days(5), days(20)));
  const ServerFiles setup(root.certificate() + issuing.certificate() + other.certificate() + soon.certificate());
  ExpectAsOpenssl(setup, {root.Issue(Client()), issuing.Issue(Client()), other.Issue(Client()), soon.Issue(Client())});
  const auto now = JudgeClientAuthorities(setup.verification(), kNow).authorities;
  EXPECT_EQ(ReasonsOf(now[1]), "");
  EXPECT_EQ(now[1].not_after, now[0].not_after) << "the root ends it";
  const auto days_since = [](const ClientAuthority& authority) {
    return std::chrono::round<days>(kNow - *authority.not_before).count();
  };
  EXPECT_EQ(days_since(now[1]), 400) << "the beginning is that of the root, too";
  EXPECT_EQ(days_since(now[2]), 400);
  EXPECT_EQ(now[3].not_before, std::nullopt);
  EXPECT_EQ(ReasonsOf(now[2]), "expired:CN=Other ");
  EXPECT_LT(now[2].not_after, kNow);
  EXPECT_EQ(ReasonsOf(now[3]), "not_yet_valid:CN=Soon ");
}

TEST(ClientAuthoritiesTest, ARenewedAuthorityIsOneWithTheOld) {
  for (const bool key_identifiers : {true, false}) {
    CertificateSpec spec = From(-days(400), -days(10));
    spec.key_identifiers = key_identifiers;
    const TestCa old("Root", spec);
    spec = From(-days(20), days(20));
    spec.key_identifiers = key_identifiers;
    const TestCa renewed = old.Renewed(spec);
    spec = From(-days(400), days(400));
    spec.key_identifiers = key_identifiers;
    const TestCa rekeyed("Root", spec);
    CertificateSpec client = Client();
    client.key_identifiers = key_identifiers;
    const Certificate ann = old.Issue(client);
    const Certificate bob = rekeyed.Issue(client);
    ExpectAsOpenssl(ServerFiles(old.certificate() + renewed.certificate()), {ann});
    ExpectAsOpenssl(ServerFiles(renewed.certificate() + old.certificate()), {ann});
    const ClientAuthority both =
        JudgeClientAuthorities(ServerFiles(old.certificate() + renewed.certificate()).verification(), kNow)
            .authorities.at(0);
    EXPECT_EQ(std::chrono::round<days>(*both.not_after - *both.not_before).count(), 40) << "of the renewed one";
    ExpectAsOpenssl(ServerFiles(old.certificate() + rekeyed.certificate()), {ann, bob});
    ExpectAsOpenssl(ServerFiles(rekeyed.certificate() + renewed.certificate()), {bob, ann});
  }
}

TEST(ClientAuthoritiesTest, APathMustReachARoot) {
  const TestCa root("Root");
  const TestCa issuing = root.Intermediate("Issuing");
  const ServerFiles setup(issuing.certificate());
  ExpectAsOpenssl(setup, {issuing.Issue(Client())});
  const auto trust = JudgeClientAuthorities(setup.verification(), kNow);
  EXPECT_EQ(ReasonsOf(trust.authorities[0]), "unknown_ca:CN=Issuing ");
  EXPECT_TRUE(trust.NoneAccepted());
}

TEST(ClientAuthoritiesTest, EveryKindOfKeyAndWhatIsNoAuthority) {
  using support::KeyType;
  for (const KeyType key : {KeyType::kEc256, KeyType::kEd25519, KeyType::kEd448, KeyType::kRsa2048, KeyType::kRsaPss}) {
    CertificateSpec spec;
    spec.key = key;
    const TestCa root("Root", spec);
    const TestCa issuing = root.Intermediate("Issuing");
    ExpectAsOpenssl(ServerFiles(root.certificate() + issuing.certificate()).CrlFile(root.Crl() + issuing.Crl()),
                    {root.Issue(Client()), issuing.Issue(Client())});
  }
  // A certificate in the file that is no authority's is a client's own.
  const Certificate own = support::SelfSigned({.common_name = "bob", .not_before = -days(40), .not_after = days(20)});
  ExpectAsOpenssl(ServerFiles(own.certificate), {own});
  CertificateSpec servers_only;
  servers_only.extended_key_usage = "serverAuth";
  const TestCa wrong("Servers", servers_only);
  ExpectAsOpenssl(ServerFiles(wrong.certificate()), {wrong.Issue(Client())});
}

TEST(ClientAuthoritiesTest, OfSeveralListsTheOneInForceCounts) {
  const TestCa root("Root", From(-days(5000), days(5000)));
  const Certificate ann = root.Issue(Client());
  const auto check = [&](const std::vector<std::pair<int, int>>& spans, const std::string& expected) {
    std::string forward;
    std::string backward;
    for (const auto& [from, to] : spans) {
      const std::string list = List(root, from, to);
      forward += list;
      backward = list + backward;
    }
    for (const std::string& text : {forward, backward}) {
      const ServerFiles setup = (ServerFiles(root.certificate()).CrlFile(text));
      ExpectAsOpenssl(setup, {ann});
      EXPECT_EQ(ListsOf(setup), expected);
    }
  };
  check({{-40, -10}, {-20, 20}}, "ca.crl CN=Root 20; ");    // an old and a new one
  check({{-40, 40}, {-5, 10}}, "ca.crl CN=Root 40; ");      // the newer one ends earlier: the other is still there
  check({{-40, -10}}, "ca.crl CN=Root -10; ");              // over
  check({{-40, -20}, {-40, -10}}, "ca.crl CN=Root -10; ");  // both over: since the later one
  check({{-40, -10}, {5, 20}}, "ca.crl CN=Root -10; ");     // over, and the next has not begun
  check({{-40, 10}, {5, 20}}, "ca.crl CN=Root 20; ");       // the next begins in time
  check({{-40, 5}, {10, 20}}, "ca.crl CN=Root 5; ");        // a gap
  check({{5, 20}}, "");                                     // none has begun
}

TEST(ClientAuthoritiesTest, AListWithoutAnEndNeverEnds) {
  const TestCa root("Root");
  const ServerFiles setup =
      (ServerFiles(root.certificate())
           .CrlFile(root.Crl(CrlSpec{.revoked = {}, .next_update = std::nullopt, .extensions = {}}) +
                    root.Crl({}, -days(3))));
  ExpectAsOpenssl(setup, {root.Issue(Client())});
  EXPECT_EQ(ListsOf(setup), "ca.crl CN=Root -; ");
}

TEST(ClientAuthoritiesTest, EveryAuthorityOfThePathNeedsItsList) {
  const TestCa root("Root", From(-days(5000), days(5000)));
  const TestCa issuing = root.Intermediate("Issuing", From(-days(5000), days(5000)));
  const std::vector<Certificate> clients = {root.Issue(Client()), issuing.Issue(Client())};
  const std::string both = root.certificate() + issuing.certificate();
  const auto reasons = [&](const ServerFiles& setup) {
    ExpectAsOpenssl(setup, clients);
    const auto trust = JudgeClientAuthorities(setup.verification(), kNow);
    return ReasonsOf(trust.authorities[0]) + "| " + ReasonsOf(trust.authorities[1]);
  };
  EXPECT_EQ(reasons((ServerFiles(both).CrlFile(root.Crl() + issuing.Crl()))), "| ");
  EXPECT_EQ(reasons((ServerFiles(both).CrlFile(root.Crl()))), "| crl_missing:CN=Issuing ");
  EXPECT_EQ(reasons((ServerFiles(both).CrlFile(issuing.Crl()))), "crl_missing:CN=Root | crl_missing:CN=Root ");
  EXPECT_EQ(reasons((ServerFiles(both).CrlFile(root.Crl() + issuing.Crl({}, -days(5))))), "| crl_expired:CN=Issuing ");
  EXPECT_EQ(reasons((ServerFiles(both).CrlFile(root.Crl({}, -days(5)) + issuing.Crl()))),
            "crl_expired:CN=Root | crl_expired:CN=Root ");
  EXPECT_EQ(reasons((ServerFiles(both).EmptyDirectory())),
            "crl_missing:CN=Root | crl_missing:CN=Issuing crl_missing:CN=Root ");
  EXPECT_EQ(reasons(ServerFiles(both)), "| ");
  // Lists in ssl_ca_file count, once lists are checked.
  EXPECT_EQ(reasons((ServerFiles(both + issuing.Crl()).CrlFile(root.Crl()))), "| ");
  // A revoked authority.
  EXPECT_EQ(reasons((ServerFiles(both).CrlFile(root.Crl({{issuing.certificate(), "", ""}}) + issuing.Crl()))),
            "| revoked:CN=Issuing ");
}

TEST(ClientAuthoritiesTest, AListMustBeTheIssuers) {
  const TestCa root("Root", From(-days(5000), days(5000)));
  const TestCa impostor("Root");
  const std::vector<Certificate> clients = {root.Issue(Client())};
  const auto reasons = [&](const std::string& lists) {
    const ServerFiles setup = (ServerFiles(root.certificate()).CrlFile(lists));
    ExpectAsOpenssl(setup, clients);
    return ReasonsOf(JudgeClientAuthorities(setup.verification(), kNow).authorities[0]) + ListsOf(setup);
  };
  EXPECT_EQ(reasons(impostor.Crl()), "crl_bad_signature:CN=Root ");
  const std::string named = impostor.Crl(CrlSpec{.revoked = {}, .key_identifier = true, .extensions = {}});
  EXPECT_EQ(reasons(root.Crl() + named), "ca.crl CN=Root 30; ");
  EXPECT_EQ(reasons(root.Crl(CrlSpec{.revoked = {}, .extensions = {"1.2.3.4=critical,ASN1:NULL"}})),
            "crl_unusable:CN=Root ");
  // A list of changes passes for a whole one with OpenSSL 3.0, not with 3.5.
  EXPECT_THAT(reasons(root.Crl(
                  CrlSpec{.revoked = {}, .extensions = {"deltaCRL=critical,DER:02:01:01", "crlNumber=DER:02:01:02"}})),
              testing::AnyOf("ca.crl CN=Root 30; ", "crl_missing:CN=Root "));
  // Of an authority that is not in the file: whether a client sends it is not known.
  EXPECT_EQ(reasons(root.Crl() + TestCa("Gone").Crl({}, -days(5)) + TestCa("Gone").Crl({}, -days(10))),
            "ca.crl CN=Root 30; ca.crl CN=Gone -5 unknown; ");
}

TEST(ClientAuthoritiesTest, ListsOfOneScope) {
  const TestCa root("Root", From(-days(5000), days(5000)));
  const TestCa issuing = root.Intermediate("Issuing", From(-days(5000), days(5000)));
  CertificateSpec client = Client();
  client.crl_distribution_points = "URI:http://ca.example/1.crl";
  const auto split = [](const TestCa& ca, const std::string& scope) {
    return ca.Crl(CrlSpec{.revoked = {}, .extensions = {"issuingDistributionPoint=critical," + scope}});
  };
  const std::vector<Certificate> clients = {root.Issue(client), issuing.Issue(client)};
  const std::string both = root.certificate() + issuing.certificate();
  const auto check = [&](const std::string& lists) {
    const ServerFiles setup = (ServerFiles(both).CrlFile(lists));
    ExpectAsOpenssl(setup, clients);
    const auto trust = JudgeClientAuthorities(setup.verification(), kNow);
    return ReasonsOf(trust.authorities[0]) + "| " + ReasonsOf(trust.authorities[1]);
  };
  EXPECT_EQ(check(split(issuing, "fullname:URI:http://ca.example/1.crl") + root.Crl()), "| ");
  EXPECT_EQ(check(split(issuing, "onlyCA:TRUE") + root.Crl()), "| crl_missing:CN=Issuing ");
  // OpenSSL 3.6 needs no list for the root itself.
  EXPECT_THAT(check(issuing.Crl() + split(root, "onlyuser:TRUE")),
              testing::AnyOf("crl_missing:CN=Root | crl_missing:CN=Root ", "| crl_missing:CN=Root "));
}

TEST(ClientAuthoritiesTest, HashedDirectories) {
  const TestCa root("Root", From(-days(5000), days(5000)));
  const std::vector<Certificate> clients = {root.Issue(Client())};
  const std::string hash = HashOf(root);
  const auto judge = [&](const ServerFiles& setup) {
    ExpectAsOpenssl(setup, clients);
    const auto trust = JudgeClientAuthorities(setup.verification(), kNow);
    std::string text = ReasonsOf(trust.authorities[0]);
    for (const ListInForce& list : trust.lists) text += list.path.substr(list.path.rfind('.') + 1) + " ";
    for (const ListNotFound& list : trust.not_found) text += "not " + list.expected_name.substr(hash.size()) + " ";
    return text;
  };
  const std::string good = List(root, -20, 20);
  const std::string old = List(root, -40, -10);
  EXPECT_EQ(judge((ServerFiles(root.certificate()).InDirectory(hash + ".r0", old).InDirectory(hash + ".r1", good))),
            "r1 ");
  EXPECT_EQ(judge((ServerFiles(root.certificate()).InDirectory(hash + ".r0", good).InDirectory(hash + ".r1", old))),
            "r0 ");
  EXPECT_EQ(judge((ServerFiles(root.certificate()).InDirectory(hash + ".r0", old).InDirectory(hash + ".r2", good))),
            "crl_expired:CN=Root r0 not .r1 ");
  EXPECT_EQ(judge((ServerFiles(root.certificate()).InDirectory(hash + ".r1", good))), "crl_missing:CN=Root not .r0 ");
  EXPECT_EQ(judge((ServerFiles(root.certificate()).InDirectory("0123abcd.r0", good))), "crl_missing:CN=Root not .r0 ");
  EXPECT_EQ(judge((ServerFiles(root.certificate()).InDirectory(hash + ".r0", "nothing"))), "crl_missing:CN=Root ");
  // Both settings.
  EXPECT_EQ(judge((ServerFiles(root.certificate()).CrlFile(old).InDirectory(hash + ".r0", good))), "r0 ");
  EXPECT_EQ(judge((ServerFiles(root.certificate()).CrlFile(good).InDirectory(hash + ".r0", old))), "crl ");
}

// A file is opened for one issuer, and what else is in it then counts as well, as long as the connection lasts.
TEST(ClientAuthoritiesTest, AHashedFileWithListsOfTwoIssuers) {
  const TestCa root("Root", From(-days(5000), days(5000)));
  const TestCa issuing = root.Intermediate("Issuing", From(-days(5000), days(5000)));
  ExpectAsOpenssl((ServerFiles(root.certificate() + issuing.certificate())
                       .InDirectory(HashOf(issuing) + ".r0", List(issuing, -20, 20) + List(root, -20, 20))),
                  {root.Issue(Client()), issuing.Issue(Client())});
}

TEST(ClientAuthoritiesTest, TwoAuthoritiesOfOneNameWithTheirLists) {
  const TestCa old("Root", From(-days(5000), days(5000)));
  const TestCa rekeyed("Root", From(-days(5000), days(5000)));
  const std::vector<Certificate> clients = {old.Issue(Client()), rekeyed.Issue(Client())};
  const auto list = [](const TestCa& ca, int to) {
    return ca.Crl(CrlSpec{.revoked = {}, .next_update = days(to), .key_identifier = true, .extensions = {}});
  };
  const ServerFiles setup =
      (ServerFiles(old.certificate() + rekeyed.certificate()).CrlFile(list(old, 10) + list(rekeyed, 20)));
  ExpectAsOpenssl(setup, clients);
  EXPECT_EQ(ListsOf(setup), "ca.crl CN=Root 10; ");
}

TEST(LatestListsTest, OfEachIssuerTheOneInForceForLongest) {
  const TestCa root("Root");
  const auto der = [](const std::string& pem) { return ParseCertificateFile(pem, std::nullopt).decoded->crls; };
  const auto text = [](const std::vector<ListInForce>& lists) {
    std::string all;
    for (const ListInForce& list : lists) all += list.path + " ";
    return all;
  };
  const std::string good = List(root, -20, 20);
  const std::string old = List(root, -40, -10);
  EXPECT_EQ(
      text(LatestLists({{"/d/0123abcd.r0", der(old)}, {"/d/0123abcd.r1", der(good)}}, kNow, ListScope::kConfigured)),
      "/d/0123abcd.r1 ");
  EXPECT_EQ(text(LatestLists({{"/d/a.crl", der(old)}, {"/d/b.crl", der(good)}}, kNow, ListScope::kConfigured)),
            "/d/a.crl /d/b.crl ");
  EXPECT_THAT(LatestLists({}, kNow, ListScope::kConfigured), IsEmpty());
}

}  // namespace
}  // namespace pgtls::tls
