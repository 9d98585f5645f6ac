#include "exporter/db/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <tuple>

#include "exporter/base/error.h"
#include "exporter/db/default_sslmode.h"
#include "exporter/db/linked_libpq.h"
#include "tests/support/files.h"

namespace pgtls::db {
namespace {

using testing::HasSubstr;
using testing::Not;

// None of libpq's variables is set, and no file of the machine is read.
class TargetTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE",
                             "PGSERVICE", "PGSERVICEFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGTARGETSESSIONATTRS",
                             "PGGSSENCMODE", "PGREQUIRESSL", "PGCHANNELBINDING"}) {
      unsetenv(name);
    }
    setenv("HOME", dir_.path().c_str(), 1);
    setenv("PGSYSCONFDIR", dir_.path().c_str(), 1);
  }
  void TearDown() override { SetUp(); }

  static std::string ErrorOf(const std::string& conninfo) {
    try {
      ResolveTarget(conninfo);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }

  support::TempDir dir_;
};

TEST_F(TargetTest, BothFormsSayTheSame) {
  const Target keys = ResolveTarget("host=db1 port=6432 dbname=shop user=u sslmode=verify-full sslrootcert=/ca.crt");
  const Target uri = ResolveTarget("postgresql://u@db1:6432/shop?sslmode=verify-full&sslrootcert=/ca.crt");
  EXPECT_EQ(keys.options, uri.options);
  EXPECT_EQ(keys.host(), "db1");
  EXPECT_EQ(keys.port(), "6432");
  EXPECT_EQ(keys.option("dbname"), "shop");
  EXPECT_EQ(keys.option("user"), "u");
  EXPECT_EQ(keys.option("sslmode"), "verify-full");
  EXPECT_EQ(keys.option("sslrootcert"), "/ca.crt");
  EXPECT_EQ(keys.option("nonesuch"), "");
  EXPECT_FALSE(keys.is_unix_socket());
  EXPECT_EQ(keys.DisplayName(), "db1:6432");
}

TEST_F(TargetTest, NothingIsTheDefaultSocketDirectory) {
  const Target target = ResolveTarget("");
  EXPECT_TRUE(target.host().starts_with('/')) << target.host();
  EXPECT_TRUE(target.is_unix_socket());
  EXPECT_EQ(target.port(), "5432");
  EXPECT_EQ(target.DisplayName(), target.host());
}

TEST_F(TargetTest, TheFirstOfSeveralHosts) {
  const Target target = ResolveTarget("host=a,b,c port=1,2,3");
  EXPECT_EQ(target.option("host"), "a,b,c");
  EXPECT_EQ(target.host(), "a");
  EXPECT_EQ(target.port(), "1");
  EXPECT_EQ(ResolveTarget("postgresql://a:1,b:2/").DisplayName(), "a:1");
}

TEST_F(TargetTest, AddressesAndSockets) {
  EXPECT_EQ(ResolveTarget("hostaddr=10.1.2.3").DisplayName(), "10.1.2.3:5432");
  EXPECT_EQ(ResolveTarget("host=db hostaddr=10.1.2.3").DisplayName(), "db:5432");
  EXPECT_FALSE(ResolveTarget("host=/tmp hostaddr=10.1.2.3").is_unix_socket());
  EXPECT_EQ(ResolveTarget("postgresql://[::1]:6432/").DisplayName(), "[::1]:6432");
  EXPECT_EQ(ResolveTarget("host=/run/pg port=6432").DisplayName(), "/run/pg");
  EXPECT_TRUE(ResolveTarget("host=/run/pg").is_unix_socket());
  EXPECT_TRUE(ResolveTarget("host=@abstract").is_unix_socket());
  EXPECT_TRUE(ResolveTarget("postgresql://%2Frun%2Fpg/db").is_unix_socket());
}

TEST_F(TargetTest, TheEnvironmentFillsWhatTheStringLeaves) {
  setenv("PGHOST", "envhost", 1);
  setenv("PGPORT", "1111", 1);
  setenv("PGUSER", "envuser", 1);
  setenv("PGSSLMODE", "verify-ca", 1);
  setenv("PGSSLROOTCERT", "/env/ca.crt", 1);
  const Target target = ResolveTarget("port=2222");
  EXPECT_EQ(target.DisplayName(), "envhost:2222");
  EXPECT_EQ(target.option("user"), "envuser");
  EXPECT_EQ(target.option("sslmode"), "verify-ca");
  EXPECT_EQ(target.option("sslrootcert"), "/env/ca.crt");
  EXPECT_EQ(ResolveTarget("host=own sslmode=disable").option("sslmode"), "disable");
}

TEST_F(TargetTest, AServiceFillsInBetween) {
  const std::string file =
      dir_.Write("services", "[shop]\nhost=svchost\nport=3333\nsslmode=verify-full\npassword=hunter2\n");
  setenv("PGSERVICEFILE", file.c_str(), 1);
  setenv("PGSSLMODE", "disable", 1);
  const Target named = ResolveTarget("service=shop port=4444");
  EXPECT_EQ(named.DisplayName(), "svchost:4444");
  EXPECT_EQ(named.option("sslmode"), "verify-full");
  EXPECT_EQ(named.options.count("password"), 0u);
  setenv("PGSERVICE", "shop", 1);
  EXPECT_EQ(ResolveTarget("").DisplayName(), "svchost:3333");
}

TEST_F(TargetTest, NoPasswordComesBack) {
  setenv("PGPASSWORD", "hunter2", 1);
  for (const char* conninfo : {"", "host=db password=hunter2", "postgresql://u:hunter2@db/", "sslpassword=hunter2"}) {
    for (const auto& [name, value] : ResolveTarget(conninfo).options) {
      EXPECT_THAT(value, Not(HasSubstr("hunter2"))) << name << " of " << conninfo;
    }
  }
}

TEST_F(TargetTest, MistakesAreTold) {
  EXPECT_THAT(ErrorOf("hst=db"), HasSubstr("invalid connection option \"hst\""));
  EXPECT_THAT(ErrorOf("host"), HasSubstr("missing \"=\""));
  EXPECT_THAT(ErrorOf("postgresql://db/?nope=1"), HasSubstr("invalid URI query parameter: \"nope\""));
  EXPECT_EQ(ErrorOf("host=db sslmode=verfy-full"),
            "conninfo: sslmode 'verfy-full' is none of disable, allow, prefer, require, verify-ca, verify-full");
  EXPECT_THAT(ErrorOf("host=db target_session_attrs=writable"),
              HasSubstr("target_session_attrs 'writable' is none of"));
  EXPECT_THAT(ErrorOf("host=db ssl_min_protocol_version=TLSv9"), HasSubstr("ssl_min_protocol_version"));
  EXPECT_THAT(ErrorOf("host=db gssencmode=always"), HasSubstr("gssencmode"));
  EXPECT_THAT(ErrorOf("host=a,b hostaddr=10.0.0.1"), HasSubstr("could not match"));
  EXPECT_THAT(ErrorOf("host=a,b port=1,2,3"), HasSubstr("could not match"));
  EXPECT_THAT(ErrorOf("service=nonesuch"), HasSubstr("definition of service \"nonesuch\" not found"));
  setenv("PGSERVICEFILE", "/nonexistent/services", 1);
  EXPECT_THAT(ErrorOf("service=shop"), HasSubstr("/nonexistent/services"));
  setenv("PGSSLMODE", "on", 1);
  EXPECT_THAT(ErrorOf("host=db"), HasSubstr("sslmode 'on'"));
  for (const char* conninfo : {"hst=db", "host", "host=db sslmode=x", "service=nonesuch"}) {
    EXPECT_TRUE(ErrorOf(conninfo).starts_with("conninfo: ")) << conninfo;
    EXPECT_THAT(ErrorOf(conninfo), Not(HasSubstr("\\x0a"))) << conninfo;
  }
}

// The name of an option is shown beside a password where it cannot be a piece of one.
TEST_F(TargetTest, NamesAnOptionThatDoesNotExist) {
  EXPECT_THAT(ErrorOf("host=db password=x sslmod=require"), HasSubstr("invalid connection option \"sslmod\""));
  EXPECT_THAT(ErrorOf("postgresql://u:x@db/?sslmod=require"), HasSubstr("invalid URI query parameter: \"sslmod\""));
  for (const char* secret : {"host=db password=a secret=b", "host=db password=a ssl9=b", "host=db password=a ho=b"}) {
    EXPECT_THAT(ErrorOf(secret), HasSubstr("invalid connection option \"…\"")) << secret;
  }
}

TEST_F(TargetTest, PortsAreNumbers) {
  for (const char* port : {"0", "65536", "abc", "54x", "-1", "999999999999"}) {
    EXPECT_EQ(ErrorOf(std::string("host=db port=") + port),
              std::string("conninfo: port '") + port + "' is not a number from 1 to 65535");
  }
  EXPECT_THAT(ErrorOf("host=a,b port=5432,0"), HasSubstr("port '0'"));
  EXPECT_EQ(ErrorOf("host=a,b port=,65535"), "");
  EXPECT_EQ(ErrorOf("host=a,b port=1"), "");
}

// libpq quotes pieces of the string; of a password that stands without quotes, the piece may be its rest.
TEST_F(TargetTest, NoErrorShowsAPassword) {
  for (const char* conninfo :
       {"host=db password=correct hunter2", "host=db password=correct hunter2 battery", "host=db password=x hun\"ter2",
        "host=db password=x \"hunter2", "host=db password='hunter2", "host=db password=hunter2 nope=1",
        "postgresql://u:hunter2%zz@db/", "postgresql://u:hunter2@[::1/", "postgresql://u@db/?password=hunter2&nope=1",
        "postgresql://u:hunter2@db:1/?sslmode=x", "host=db password=hunter2 sslmode=x",
        "password=hunter2 service=nonesuch"}) {
    const std::string error = ErrorOf(conninfo);
    EXPECT_NE(error, "") << conninfo;
    EXPECT_THAT(error, Not(testing::AnyOf(HasSubstr("hunter2"), HasSubstr("ter2"), HasSubstr("hun")))) << conninfo;
  }
  const std::string error = ErrorOf("host=db password=x " + std::string(2'000, 'q'));
  EXPECT_NE(error, "");
  EXPECT_THAT(error, Not(HasSubstr("qq")));
}

// Whatever this machine's libpq is: it knows the option, or the error names the first one that does.
TEST_F(TargetTest, OptionsOfNewerReleasesOfLibpq) {
  const std::tuple<const char*, const char*, int> options[] = {{"require_auth", "scram-sha-256", 16},
                                                               {"sslcertmode", "disable", 16},
                                                               {"sslnegotiation", "direct", 17},
                                                               {"servicefile", "/nonexistent/services", 19}};
  setenv("PGSSLMODE", "require", 1);  // no weaker one goes with sslnegotiation=direct
  for (const auto& [name, value, since] : options) {
    const std::string error = "conninfo: " + std::string(name) + " needs libpq " + std::to_string(since) +
                              ", and this program runs with libpq " + std::to_string(LibpqMajor());
    const std::string text = std::string(name) + "=" + value;
    const bool known = LibpqMajor() >= since;
    EXPECT_EQ(ErrorOf("host=db password=x " + text), known ? "" : error);
    EXPECT_EQ(ErrorOf("postgresql://db/?password=x&" + text), known ? "" : error);
    if (known) {
      EXPECT_EQ(ResolveTarget("host=db sslmode=require " + text).option(name), value);
    }
  }
  for (const char* mistake : {"require_auth=scram", "sslcertmode=never", "sslnegotiation=tls", "load_balance_hosts=all",
                              "sslnegotiation=direct sslmode=prefer"}) {
    const std::string option = std::string(mistake).substr(0, std::string(mistake).find('='));
    EXPECT_THAT(ErrorOf("host=db sslmode=require " + std::string(mistake)), HasSubstr(option));
  }
  EXPECT_EQ(FirstLibpqWith("sslmode"), std::nullopt);
  EXPECT_EQ(FirstLibpqWith("nonesuch"), std::nullopt);
}

TEST_F(TargetTest, TheSystemsRootCertificates) {
  RequireEncryptionByDefault();
  if (LibpqMajor() < 16) {
    const std::string error =
        "conninfo: sslrootcert=system needs libpq 16, and this program runs with libpq " + std::to_string(LibpqMajor());
    EXPECT_EQ(ErrorOf("host=db sslrootcert=system"), error);
    setenv("PGSSLROOTCERT", "system", 1);
    EXPECT_EQ(ErrorOf("host=db"), error);
    return;
  }
  // libpq's own default there.
  EXPECT_EQ(ResolveTarget("host=db sslrootcert=system").option("sslmode"), "verify-full");
  EXPECT_EQ(ResolveTarget("host=db sslrootcert=/ca.crt").option("sslmode"), "require");
  EXPECT_THAT(ErrorOf("host=db sslrootcert=system sslmode=require"), HasSubstr("weak sslmode"));
  EXPECT_THAT(ErrorOf("host=db sslrootcert=system sslmode=prefer"), HasSubstr("weak sslmode"));
  setenv("PGSSLROOTCERT", "system", 1);
  EXPECT_EQ(ResolveTarget("host=db").option("sslmode"), "verify-full");
  setenv("PGSSLMODE", "require", 1);
  RequireEncryptionByDefault();
  EXPECT_THAT(ErrorOf("host=db"), HasSubstr("weak sslmode"));
}

TEST_F(TargetTest, EncryptionIsRequiredUnlessTheOperatorSaysOtherwise) {
  RequireEncryptionByDefault();
  EXPECT_EQ(ResolveTarget("host=db").option("sslmode"), "require");
  EXPECT_EQ(ResolveTarget("host=db sslmode=prefer").option("sslmode"), "prefer");
  setenv("PGSERVICEFILE", dir_.Write("services", "[shop]\nsslmode=disable\n").c_str(), 1);
  EXPECT_EQ(ResolveTarget("service=shop").option("sslmode"), "disable");
  setenv("PGSSLMODE", "verify-full", 1);
  RequireEncryptionByDefault();
  EXPECT_EQ(ResolveTarget("host=db").option("sslmode"), "verify-full");
}

}  // namespace
}  // namespace pgtls::db
