// Whether the next start takes what is in the files.

#include "tests/collectors/next_start_cases.h"

namespace pgtls::collectors {
namespace {

TEST_F(NextStartPgTest, Contents) {
  const auto pair = [&](const Certificate& certificate) {
    Write("server.crt", certificate.chain);
    Write("server.key", certificate.key);
  };
  const std::string glued = ca_.certificate().substr(0, ca_.certificate().size() - 1) + issuing_.certificate();
  ASSERT_NE(glued.find("-----END CERTIFICATE----------BEGIN CERTIFICATE-----"), std::string::npos);
  const std::string broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  const std::string cut = good_.certificate.substr(0, good_.certificate.size() / 2);
  const std::string trusted = Openssl("x509 -trustout", ca_.certificate());
  ASSERT_NE(trusted.find("TRUSTED"), std::string::npos);

  Case("nothing changed", [] {});
  Case("server.crt: DER", [&] { Write("server.crt", Openssl("x509 -outform DER", good_.certificate)); });
  Case("server.crt: trusted", [&] { Write("server.crt", Openssl("x509 -trustout", good_.certificate)); });
  Case("server.crt: glued", [&] {
    Write("server.crt", good_.certificate.substr(0, good_.certificate.size() - 1) + issuing_.certificate());
  });
  Case("server.crt: no final newline", [&] { Write("server.crt", good_.chain.substr(0, good_.chain.size() - 1)); });
  Case("server.crt: second block cut", [&] { Write("server.crt", good_.certificate + cut); });
  Case("server.crt: second block broken", [&] { Write("server.crt", good_.certificate + broken); });
  Case("server.crt: second one trusted", [&] { Write("server.crt", good_.certificate + trusted); });
  Case("server.crt: text around",
       [&] { Write("server.crt", "text\n" + good_.certificate + "more\n" + issuing_.certificate()); });
  Case("server.crt: CRLF", [&] {
    std::string text;
    for (const char c : good_.chain) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
    Write("server.crt", text);
  });
  Case("server.crt: BOM", [&] { Write("server.crt", "\xef\xbb\xbf" + good_.chain); }, kWithAnotherLibrary);
  Case("server.crt: indented", [&] { Write("server.crt", "  " + good_.chain); });
  Case("server.crt: empty", [&] { Write("server.crt", ""); });
  Case("server.crt: text", [&] { Write("server.crt", "nothing\n"); });
  Case("server.crt: key first", [&] { Write("server.crt", good_.key + good_.chain); });
  Case("server.crt: CRL first", [&] { Write("server.crt", ca_.Crl() + good_.chain); });
  Case("server.crt: chain in the wrong order",
       [&] { Write("server.crt", issuing_.certificate() + good_.certificate); });
  Case("server.crt: expired",
       [&] { pair(ca_.Issue({.not_before = -std::chrono::days(9), .not_after = -std::chrono::days(2)})); });

  Case("RSA 1024", [&] { pair(ca_.Issue({.key = KeyType::kRsa1024})); }, kWithAnotherLibrary);
  Case(
      "RSA 512",
      [&] {
        Write("server.key", Openssl("genrsa 512"));
        Write("server.crt", Openssl("req -x509 -key " + Path("server.key") + " -subj /CN=localhost -sha256"));
      },
      kWithAnotherLibrary);
  Case(
      "RSA 1024 in the chain",
      [&] {
        const support::TestCa weak("Weak CA", {.key = KeyType::kRsa1024, .ca = true});
        const Certificate leaf = weak.IssueForLocalhost();
        Write("server.crt", leaf.certificate + weak.certificate());
        Write("server.key", leaf.key);
      },
      kWithAnotherLibrary);
  Case(
      "signed with SHA-1", [&] { pair(ca_.Issue({.key = KeyType::kRsa2048, .digest = "SHA1"})); }, kWithAnotherLibrary);
  Case("RSA 2048", [&] { pair(ca_.Issue({.key = KeyType::kRsa2048})); });
  Case("Ed25519", [&] { pair(ca_.Issue({.key = KeyType::kEd25519})); });
  Case("P-521", [&] {
    Write("server.key", Openssl("ecparam -genkey -name secp521r1"));  // with EC PARAMETERS first
    Write("server.crt", Openssl("req -x509 -key " + Path("server.key") + " -subj /CN=localhost"));
  });
  Case("RSA-PSS", [&] {
    Write("server.key", Openssl("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048"));
    Write("server.crt", Openssl("req -x509 -key " + Path("server.key") + " -subj /CN=localhost"));
  });
  Case("DSA", [&] {
    Write("dh.pem", Openssl("dsaparam 2048"));
    Write("server.key", Openssl("gendsa " + Path("dh.pem")));
    Write("server.crt", Openssl("req -x509 -key " + Path("server.key") + " -subj /CN=localhost"));
  });
  const std::string rsa = ca_.Issue({.key = KeyType::kRsa2048}).key;
  Case("server.key: another one", [&] { Write("server.key", issuing_.key()); });
  Case("server.key: of another kind", [&] { Write("server.key", rsa); });
  Case("server.key: empty", [&] { Write("server.key", ""); });
  Case("server.key: a certificate", [&] { Write("server.key", good_.certificate); });
  Case("server.key: traditional", [&] { Write("server.key", Openssl("pkey -traditional", good_.key)); });
  Case("server.key: DER", [&] { Write("server.key", Openssl("pkey -outform DER", good_.key)); });
  Case("server.key: certificate first", [&] { Write("server.key", good_.chain + good_.key); });
  Case("server.key: cut", [&] { Write("server.key", good_.key.substr(0, good_.key.size() / 2)); });
  Case("server.key: no final newline", [&] { Write("server.key", good_.key.substr(0, good_.key.size() - 1)); });
  Case("server.key: public", [&] { Write("server.key", Openssl("pkey -pubout", good_.key)); });
  Case("server.key: encrypted", [&] { Write("server.key", Openssl("pkey -aes256 -passout pass:x", good_.key)); });
  Case("server.key: encrypted, traditional",
       [&] { Write("server.key", Openssl("ec -aes128 -passout pass:x", good_.key)); });
  Case(
      "server.key: encrypted, with a command",
      [&] {
        Write("server.key", Openssl("pkey -aes256 -passout pass:x", good_.key));
        Set("ssl_passphrase_command = 'echo x'");
      },
      kAlways);
  Case(
      "server.key: encrypted, with a wrong command",
      [&] {
        Write("server.key", Openssl("pkey -aes256 -passout pass:x", good_.key));
        Set("ssl_passphrase_command = 'echo y'");
      },
      kAlways);
  Case("key and certificate in one file", [&] {
    Write("server.key", good_.key + good_.chain);
    Set("ssl_cert_file = 'server.key'");
  });

  Case("root.crt: glued", [&] { Write("root.crt", glued); });
  Case("root.crt: trusted", [&] { Write("root.crt", trusted); });
  Case("root.crt: one trusted among others", [&] { Write("root.crt", ca_.certificate() + trusted); });
  Case("root.crt: CRL alone", [&] { Write("root.crt", ca_.Crl()); });
  Case("root.crt: CRL beside", [&] { Write("root.crt", ca_.certificate() + ca_.Crl()); });
  Case("root.crt: DER", [&] { Write("root.crt", Openssl("x509 -outform DER", ca_.certificate())); });
  Case("root.crt: empty", [&] { Write("root.crt", ""); });
  Case("root.crt: second block cut", [&] { Write("root.crt", ca_.certificate() + cut); });
  Case("root.crt: second block broken", [&] { Write("root.crt", ca_.certificate() + broken); });
  Case("root.crt: a key beside", [&] { Write("root.crt", ca_.certificate() + good_.key); });
  Case("root.crt: an RSA key beside", [&] { Write("root.crt", ca_.certificate() + Openssl("rsa -traditional", rsa)); });
  Case("root.crt: twice the same", [&] { Write("root.crt", ca_.certificate() + ca_.certificate()); });
  Case("root.crt: weak",
       [&] { Write("root.crt", support::TestCa("Weak", {.key = KeyType::kRsa1024, .ca = true}).certificate()); });
  Case("root.crt: public key", [&] { Write("root.crt", Openssl("pkey -pubout", good_.key)); });

  Case("root.crl: missing", [&] { std::filesystem::remove(Path("root.crl")); });
  Case("root.crl: expired", [&] { Write("root.crl", ca_.Crl({}, -std::chrono::days(1))); });
  Case("root.crl: empty", [&] { Write("root.crl", ""); });
  Case("root.crl: a certificate", [&] { Write("root.crl", ca_.certificate()); });
  Case("root.crl: DER", [&] { Write("root.crl", Openssl("crl -outform DER", ca_.Crl())); });
  Case("root.crl: glued", [&] { Write("root.crl", ca_.Crl().substr(0, ca_.Crl().size() - 1) + issuing_.Crl()); });
  Case("root.crl: cut", [&] { Write("root.crl", ca_.Crl() + ca_.Crl().substr(0, 200)); });
}

}  // namespace
}  // namespace pgtls::collectors
