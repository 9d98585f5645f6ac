#include "exporter/routes/probe_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "exporter/db/target.h"
#include "tests/support/files.h"

namespace pgtls::routes {
namespace {

config::AllowedTarget Range(const char* range, std::optional<int> port) { return {Cidr::Parse(range), "", port}; }
config::AllowedTarget Name(const char* glob, std::optional<int> port) { return {std::nullopt, glob, port}; }

ProbeTarget Target(const char* text) {
  const auto target = ParseProbeTarget(text);
  if (!target) throw std::runtime_error(std::string("not a target: ") + text);
  return *target;
}

TEST(ParseProbeTargetTest, HostAndPort) {
  EXPECT_EQ(Target("db1").host, "db1");
  EXPECT_EQ(Target("db1").port, 5432);
  EXPECT_EQ(Target("db1.example.com:6432").port, 6432);
  EXPECT_EQ(Target("10.0.0.1:1").host, "10.0.0.1");
  EXPECT_EQ(Target("[fd00::1]:5433").host, "fd00::1");
  EXPECT_EQ(Target("[fd00::1]").port, 5432);
}

// Whatever libpq would read as more than one host, as a directory, or as another option.
TEST(ParseProbeTargetTest, RefusesWhatIsNotOneHost) {
  for (const char* text : {"",
                           "a,b:5432",
                           "/run/postgresql",
                           "@abstract",
                           "a b",
                           "db1:0",
                           "db1:65536",
                           "db1:",
                           "db1:54x",
                           "db1:1:2",
                           "fd00::1",
                           "[fd00::1",
                           "[10.0.0.1]:5432",
                           "[db1]:5432",
                           "db1 sslmode=disable",
                           "db1\nx",
                           "-db1",
                           "postgresql://db1",
                           "db1'",
                           "[fd00::1%eth0]:5432"}) {
    EXPECT_FALSE(ParseProbeTarget(text)) << text;
  }
  EXPECT_FALSE(ParseProbeTarget(std::string(254, 'a')));
}

TEST(AdmitTest, NumericTargetsNeedARangeAndThePort) {
  const std::vector<config::AllowedTarget> allowed = {Range("10.0.0.0/8", 5432), Range("fd00::/8", std::nullopt)};
  EXPECT_EQ(Admit(allowed, Target("10.1.2.3")), Admission::kByAddress);
  EXPECT_EQ(Admit(allowed, Target("10.1.2.3:5433")), Admission::kRefused);
  EXPECT_EQ(Admit(allowed, Target("11.1.2.3")), Admission::kRefused);
  EXPECT_EQ(Admit(allowed, Target("[fd00::7]:1")), Admission::kByAddress);
  // The same machine in another notation.
  EXPECT_EQ(Admit(allowed, Target("[::ffff:10.1.2.3]")), Admission::kByAddress);
  EXPECT_EQ(Admit(allowed, Target("[::ffff:11.1.2.3]")), Admission::kRefused);
}

TEST(AdmitTest, ALinkLocalTargetHasAnInterface) {
  config::AllowedTarget one = Range("fe80::7/128", std::nullopt);
  one.zone = "eth0";
  EXPECT_EQ(Target("[fe80::7%eth0]:1").host, "fe80::7%eth0");
  EXPECT_EQ(Admit({one}, Target("[fe80::7%eth0]:1")), Admission::kByAddress);
  EXPECT_EQ(Admit({one}, Target("[fe80::7%eth1]:1")), Admission::kRefused);
  EXPECT_EQ(Admit({one}, Target("[fe80::7]:1")), Admission::kRefused);
  EXPECT_EQ(Admit({Range("fe80::/10", 5432)}, Target("[fe80::7%eth1]")), Admission::kByAddress);
  EXPECT_EQ(ConninfoFor("user=u", Target("[fe80::7%eth0]"), {"fe80::7%eth0"}),
            "host=fe80::7%eth0 port=5432 hostaddr='fe80::7%eth0' user=u");
}

TEST(AdmitTest, AGlobIsExactlyOneLabel) {
  const std::vector<config::AllowedTarget> allowed = {Name("*.db.example.com", 5432), Name("db9", std::nullopt)};
  EXPECT_EQ(Admit(allowed, Target("a.db.example.com")), Admission::kByName);
  EXPECT_EQ(Admit(allowed, Target("A.DB.example.COM")), Admission::kByName);
  EXPECT_EQ(Admit(allowed, Target("a.b.db.example.com")), Admission::kRefused);
  EXPECT_EQ(Admit(allowed, Target(".db.example.com")), Admission::kRefused);
  EXPECT_EQ(Admit(allowed, Target("db.example.com")), Admission::kRefused);
  EXPECT_EQ(Admit(allowed, Target("xdb.example.com")), Admission::kRefused);
  EXPECT_EQ(Admit(allowed, Target("a.db.example.com:5433")), Admission::kRefused);
  EXPECT_EQ(Admit(allowed, Target("db9:1")), Admission::kByName);
  EXPECT_EQ(Admit(allowed, Target("db99:1")), Admission::kRefused);
}

TEST(AdmitTest, ANameIsResolvedOnlyWhereARangeForItsPortExists) {
  EXPECT_EQ(Admit({Range("127.0.0.0/8", 5432)}, Target("localhost:5432")), Admission::kByAddress);
  EXPECT_EQ(Admit({Range("127.0.0.0/8", 5432)}, Target("localhost:5433")), Admission::kRefused);
}

TEST(AllowedAddressesTest, OnlyThoseOfARange) {
  EXPECT_THAT(AllowedAddresses({Range("127.0.0.0/8", 5432)}, Target("127.0.0.9:5432")),
              testing::ElementsAre("127.0.0.9"));
  EXPECT_THAT(AllowedAddresses({Range("10.0.0.0/8", 5432)}, Target("127.0.0.9:5432")), testing::IsEmpty());
  EXPECT_THAT(AllowedAddresses({Range("127.0.0.0/8", 5433)}, Target("127.0.0.9:5432")), testing::IsEmpty());
}

// What libpq makes of it, whatever stands in the module and in the environment.
class ConninfoForTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("PGHOST", "elsewhere", 1);
    setenv("PGHOSTADDR", "192.0.2.66", 1);
    setenv("PGPORT", "66", 1);
    setenv("PGSERVICE", "other", 1);
    setenv("PGSERVICEFILE", files_.Write("services", "[other]\nhost=other\nhostaddr=192.0.2.67\nport=67\n").c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE", "PGSERVICEFILE"}) unsetenv(name);
  }
  support::TempDir files_;
};

TEST_F(ConninfoForTest, TheTargetIsWhereLibpqGoes) {
  for (const char* module : {"user=u", "", "user=u password=", "user=u\\", "user=u passfile = ", "options=' -c a=b'"}) {
    const auto by_name = db::ResolveTarget(ConninfoFor(module, Target("db1:6432"), {}));
    EXPECT_EQ(by_name.option("host"), "db1") << module;
    EXPECT_EQ(by_name.option("hostaddr"), "") << module;
    EXPECT_EQ(by_name.option("port"), "6432") << module;
    const auto by_address = db::ResolveTarget(ConninfoFor(module, Target("db1"), {"10.0.0.1"}));
    EXPECT_EQ(by_address.option("host"), "db1") << module;
    EXPECT_EQ(by_address.option("hostaddr"), "10.0.0.1") << module;
    EXPECT_EQ(by_address.option("port"), "5432") << module;
  }
}

}  // namespace
}  // namespace pgtls::routes
