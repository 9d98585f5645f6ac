// Certificates for tests, valid and invalid, issued when the test runs.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgtls::support {

enum class KeyType { kEc256, kEd25519, kEd448, kRsa1024, kRsa2048, kRsaPss };

struct CertificateSpec {
  std::string common_name = "localhost";
  std::string organization;            // empty: none
  std::vector<std::string> dns_names;  // subjectAltName; no extension if both lists are empty
  std::vector<std::string> ip_addresses;
  std::chrono::seconds not_before = -std::chrono::hours(1);  // from now
  std::chrono::seconds not_after = std::chrono::days(365);   // from now
  KeyType key = KeyType::kEc256;
  std::string digest = "SHA256";  // ignored for Ed25519 and Ed448
  bool ca = false;
  bool key_identifiers = true;          // subjectKeyIdentifier and authorityKeyIdentifier
  std::string extended_key_usage;       // "clientAuth"; empty: none
  std::string crl_distribution_points;  // "URI:http://…"; empty: none
  long serial = 0;                      // 0: a random one
};

// PEM texts. `chain` is what a server file holds: the certificate, then its intermediates, without the root.
struct Certificate {
  std::string certificate;
  std::string key;  // PKCS#8, not encrypted
  std::string chain;
};

Certificate SelfSigned(const CertificateSpec& spec);

// A certificate revocation list.
struct CrlSpec {
  std::vector<Certificate> revoked;
  std::chrono::seconds this_update = -std::chrono::hours(1);                // from now
  std::optional<std::chrono::seconds> next_update = std::chrono::days(30);  // from now
  bool key_identifier = false;                                              // authorityKeyIdentifier
  std::vector<std::string>
      extensions;  // as OpenSSL's configuration has them: "crlNumber=2", "issuingDistributionPoint=…"
};

// A certificate authority. Serial numbers are random, so two authorities with the same name can be distinguished.
// Throws std::runtime_error where OpenSSL refuses.
class TestCa {
 public:
  explicit TestCa(const std::string& common_name = "Test CA", CertificateSpec spec = {});
  // An authority below this one.
  TestCa Intermediate(const std::string& common_name, CertificateSpec spec = {}) const;

  Certificate Issue(const CertificateSpec& spec) const;
  // Names and addresses of this machine: localhost, 127.0.0.1, ::1.
  Certificate IssueForLocalhost() const;

  // A new certificate for the same name and key.
  TestCa Renewed(CertificateSpec spec) const;

  // This authority, certified by `by` as well: its certificates come with that certificate.
  TestCa CrossSigned(const TestCa& by) const;

  // The authority's own certificate and key.
  const std::string& certificate() const { return own_.certificate; }
  const std::string& key() const { return own_.key; }

  // A certificate revocation list, valid since an hour, or, where it has ended, since an hour before its end.
  std::string Crl(const std::vector<Certificate>& revoked = {},
                  std::chrono::seconds next_update = std::chrono::days(30)) const;
  std::string Crl(const CrlSpec& spec) const;

 private:
  explicit TestCa(Certificate own, std::string chain) : own_(std::move(own)), chain_(std::move(chain)) {}
  Certificate own_;
  std::string chain_;  // the intermediates between its certificates and the root
};

}  // namespace pgtls::support
