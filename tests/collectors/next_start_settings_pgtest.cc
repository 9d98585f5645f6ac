// Whether the next start takes the settings and pg_hba.conf.

#include "tests/collectors/next_start_cases.h"

namespace pgtls::collectors {
namespace {

TEST_F(NextStartPgTest, Settings) {
  Case("ssl = off without files", [&] {
    Set("ssl = off");
    std::filesystem::remove(Path("server.crt"));
    std::filesystem::remove(Path("server.key"));
  });
  Case("ssl switched off by a prefix", [&] {
    Set("SSL = of");
    std::filesystem::remove(Path("server.key"));
  });
  Case("min above max", [&] { Set("ssl_max_protocol_version = 'tlsv1.1'"); });
  Case("min = max", [&] { Set("ssl_max_protocol_version = 'TLSv1.2'"); });
  Case("TLS 1.0 alone", [&] {
    Set("ssl_min_protocol_version = 'TLSv1'");
    Set("ssl_max_protocol_version = 'TLSv1'");
  });
  Case("no such version", [&] { Set("ssl_min_protocol_version = 'TLSv9'"); });
  Case("no such curve", [&] { Set("ssl_ecdh_curve = 'nosuch'"); });
  Case("P-384", [&] { Set("ssl_ecdh_curve = 'secp384r1'"); });
  Case("a curve that builds leave out", [&] { Set("ssl_ecdh_curve = 'brainpoolP256r1'"); }, kWithAnotherLibrary);
  Case("a NIST name", [&] { Set("ssl_ecdh_curve = 'P-256'"); });
  Case("an SECG name", [&] { Set("ssl_ecdh_curve = 'secp256r1'"); }, kWithAnotherLibrary);
  Case("X25519", [&] { Set("ssl_ecdh_curve = 'X25519'"); });
  Case("a list", [&] { Set("ssl_ecdh_curve = 'X25519:prime256v1'"); });
  Case("a list with a stranger", [&] { Set("ssl_ecdh_curve = 'X25519:nosuch'"); });
  Case("no curve", [&] { Set("ssl_ecdh_curve = ''"); }, kWithAnotherLibrary);
  Case("post-quantum", [&] { Set("ssl_ecdh_curve = 'X25519MLKEM768'"); }, kWithAnotherLibrary);
  Case("no such cipher", [&] { Set("ssl_ciphers = 'nosuch'"); }, kWithAnotherLibrary);
  Case("one cipher", [&] { Set("ssl_ciphers = 'ECDHE-ECDSA-AES128-GCM-SHA256'"); });
  Case("a TLS 1.3 name", [&] { Set("ssl_ciphers = 'TLS_AES_128_GCM_SHA256'"); }, kWithAnotherLibrary);
  Case("ciphers with a level", [&] { Set("ssl_ciphers = 'HIGH:@SECLEVEL=0'"); });
  Case("a level that is none", [&] { Set("ssl_ciphers = 'HIGH:@SECLEVEL=9'"); }, kWithAnotherLibrary);
  Case("all ciphers taken out", [&] { Set("ssl_ciphers = 'HIGH:!ALL'"); }, kWithAnotherLibrary);
  Case("no ciphers", [&] { Set("ssl_ciphers = ''"); }, kWithAnotherLibrary);
  Case("DH file missing", [&] { Set("ssl_dh_params_file = 'dh.pem'"); });
  Case("DH file bad", [&] {
    Set("ssl_dh_params_file = 'dh.pem'");
    Write("dh.pem", "nothing");
  });
  Case(
      "DH 512",
      [&] {
        Set("ssl_dh_params_file = 'dh.pem'");
        Write("dh.pem", Openssl("dhparam -dsaparam 512"));
      },
      kWithAnotherLibrary);
  Case("DH 2048", [&] {
    Set("ssl_dh_params_file = 'dh.pem'");
    Write("dh.pem", Openssl("genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048"));
  });
  Case("DH 2048, standard", [&] {
    Set("ssl_dh_params_file = 'dh.pem'");
    Write("dh.pem", Openssl("genpkey -genparam -algorithm DH -pkeyopt dh_rfc5114:2"));
  });
  Case("DH file of root", [&] {
    Set("ssl_dh_params_file = 'dh.pem'");
    Write("dh.pem", Openssl("genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048"));
    Own(Path("dh.pem"), 0, 0, 0600);
  });
  Case("CRL directory missing", [&] {
    Set("ssl_crl_file = ''");
    Set("ssl_crl_dir = 'nowhere'");
  });
  Case("CRL directory missing beside a file", [&] { Set("ssl_crl_dir = 'nowhere'"); });
  Case("no CA, no CRL", [&] {
    Set("ssl_ca_file = ''");
    Set("ssl_crl_file = ''");
  });
  Case("no certificate named", [&] { Set("ssl_cert_file = ''"); });
  Case("no key named", [&] { Set("ssl_key_file = ''"); });
  Case("the last line counts", [&] {
    Set("ssl_key_file = 'gone.key'");
    Set("ssl_key_file = 'server.key'");
  });
  Case("ALTER SYSTEM", [&] { server_.Execute("ALTER SYSTEM SET ssl_ca_file = 'gone.crt'"); });
  Case("a line gone: the default comes back", [&] {
    Write("postgresql.conf", configuration_);
    Set("ssl_crl_file = 'gone.crl'");
    Set("ssl_crl_file = ''");
  });
  Case("a line that is none", [&] { Set("nonsense"); });
  Case("a setting that is none", [&] { Set("ssl_no_such = on"); });
  Case("a change that waits for the restart", [&] { Set("max_connections = 90"); });
  Case("a change that waits, loaded", [&] {
    Set("max_connections = 90");
    server_.Reload();
  });
  Case("an invalid value that would wait", [&] { Set("max_connections = abc"); });
  Case("a value out of range that would wait", [&] { Set("max_connections = 0"); });
  Case("a switch that is none and would wait", [&] { Set("hot_standby = perhaps"); });
  for (const char* line : {"max_connections = abc", "max_connections = 0", "hot_standby = perhaps"}) {
    // Another change of it waits already.
    Case(std::string("later, ") + line, [&] {
      Set("max_connections = 90");
      Set("hot_standby = off");
      server_.Reload();
      Connect();
      Set(line);
    });
  }
  Case("an invalid value of another", [&] { Set("work_mem = abc"); });
  Case("a line gone that needs a restart", [&] {
    Set("wal_level = logical");
    server_.Restart();
    Connect();
    Write("postgresql.conf", configuration_);
  });
  Case("an include that is missing", [&] { Set("include 'gone.conf'"); });
  if (server_.major() >= 18) {
    Case("ssl_groups", [&] { Set("ssl_groups = 'nosuch'"); });
    Case("TLS 1.3: none", [&] { Set("ssl_tls13_ciphers = 'nosuch'"); });
    Case("TLS 1.3: one", [&] { Set("ssl_tls13_ciphers = 'TLS_AES_128_GCM_SHA256'"); });
    Case(
        "TLS 1.3: one and none", [&] { Set("ssl_tls13_ciphers = 'TLS_AES_128_GCM_SHA256:nosuch'"); },
        kWithAnotherLibrary);
  }
}

// A start reads the files before it loads the library: what is invalid is a warning then.
TEST_F(NextStartPgTest, SettingsOfALibrary) {
  configuration_ += "shared_preload_libraries = 'pg_stat_statements'\n";
  Write("postgresql.conf", configuration_);
  server_.Restart();
  Connect();
  Case("a valid value", [&] { Set("pg_stat_statements.track = all"); });
  Case("an invalid value", [&] { Set("pg_stat_statements.track = bogus"); });
  Case("an invalid value that would wait", [&] { Set("pg_stat_statements.max = bogus"); });
  Case("a change that waits", [&] { Set("pg_stat_statements.max = 1000"); });
  Case("no such setting", [&] { Set("pg_stat_statements.nosuch = 1"); });
  Case("a name that is none", [&] { Set("pg_stat_statements..nosuch = 1"); });
}

TEST_F(NextStartPgTest, HostBasedAuthentication) {
  const auto hba = [&](const std::string& text) { return [this, text] { server_.SetHba(text); }; };
  Case("empty", hba(""));
  Case("comments", hba("# nothing\n\n"));
  Case("one bad line", hba(std::string(kHba) + "host all all nonsense\n"));
  // Refused, with the reason in the server's log alone.
  Case("clientcert=1", hba(std::string(kHba) + "hostssl all all all md5 clientcert=1\n"));
  Case("clientname=XX", hba(std::string(kHba) + "hostssl all all all cert clientname=XX\n"));
  Case("hostssl without TLS", [&] {
    Set("ssl = off");
    server_.SetHba(std::string(kHba) + "hostssl all all all trust\n");
  });
  Case("no hba file", [&] { std::filesystem::remove(Path("pg_hba.conf")); });
  Case("another hba file, by a relative name", [&] { Set("hba_file = 'gone_hba.conf'"); }, kAlways);
  Case("the same hba file, by a relative name", [&] { Set("hba_file = 'pg_hba.conf'"); }, kAlways);
  Case("hba file of root", [&] { Own(Path("pg_hba.conf"), 0, 0, 0600); });
  Case("ssl = off with a bad line", [&] {
    Set("ssl = off");
    server_.SetHba(std::string(kHba) + "host all all nonsense\n");
  });
  if (server_.major() >= 16) {
    Case("an empty include_dir alone", [&] {
      std::filesystem::create_directories(Path("hba.d"));
      Own(Path("hba.d"), postgres_, postgres_group_, 0700);
      server_.SetHba("include_dir hba.d\n");
    });
    Case("an include that is missing", hba(std::string(kHba) + "include gone.conf\n"));
    Case("an include that may be missing", hba(std::string(kHba) + "include_if_exists gone.conf\n"));
  }
}

}  // namespace
}  // namespace pgtls::collectors
