// The certificates and revocation lists in the bytes of a file: PEM with text around its blocks, DER, PKCS#12.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/tls/x509.h"

namespace pgtls::tls {

// Certificates of a file beyond this are not read; CertificateFile::truncated says so.
inline constexpr std::size_t kMaxCertificatesPerFile = 500;
// A larger file is no certificate file.
inline constexpr std::size_t kMaxCertificateFileBytes = std::size_t{16} << 20;

// A PKCS#12 file that asks for more iterations of key derivation is not opened: 10 million take 5 s, and the number is
// the file's to choose.
inline constexpr long kMaxPkcs12Iterations = 10'000'000;

// What those who judge a file go by; as long as CertificateFile's lists.
struct DecodedFile {
  Chain certificates;
  std::vector<std::string> crls;  // DER
};

struct CertificateFile {
  struct Entry {
    std::size_t position;  // among the file's certificates, readable or not
    CertificateFacts facts;
    bool needed = true;  // false: no path of a client's or server's verification goes over it
  };
  std::vector<Entry> certificates;  // in the file's order; of a PKCS#12 file the one with the key first
  std::vector<CrlFacts> crls;
  // Blocks that claim to be a certificate or a list and are not, or lack their end. The others stand all the same.
  std::size_t malformed = 0;
  // Of a PKCS#12 file, which then counts as malformed, too: wrong_password (or none where it needs one),
  // unsupported_encryption (RC2, or more iterations than allowed). Empty: another fault, or none.
  std::string_view pkcs12_problem;
  std::size_t other_blocks = 0;  // PEM blocks of other kinds: keys, parameters
  bool truncated = false;
  // Null in a fact: this takes some kilobytes a certificate, and a file is judged when it is read.
  std::shared_ptr<const DecodedFile> decoded;
};

// Private keys are skipped unread. `pkcs12_password`: for a PKCS#12 file; none and the empty password are tried as
// well. PKCS#12 can take seconds: call it where blocking does not hurt.
CertificateFile ParseCertificateFile(std::string_view bytes, const std::optional<std::string>& pkcs12_password,
                                     long max_pkcs12_iterations = kMaxPkcs12Iterations);

}  // namespace pgtls::tls
