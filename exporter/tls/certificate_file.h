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

// A PKCS#12 file with more iterations of key derivation is not opened: 10 million take 5 s, and the file chooses the
// number.
inline constexpr long kMaxPkcs12Iterations = 10'000'000;

// The decoded certificates and lists; as many as CertificateFile has.
struct DecodedFile {
  Chain certificates;
  std::vector<std::string> crls;  // DER
};

struct CertificateFile {
  struct Entry {
    std::size_t position;  // among the file's certificates, readable or not
    CertificateFacts facts;
    bool needed = true;  // false: no client's or server's verification uses it
  };
  std::vector<Entry> certificates;  // in the file's order; of a PKCS#12 file the one with the key first
  std::vector<CrlFacts> crls;
  // The number of blocks that are marked as a certificate or a list and cannot be read, or lack their end. The others
  // count regardless.
  std::size_t malformed = 0;
  // Of a PKCS#12 file, which then also counts as malformed: wrong_password (or a missing one),
  // unsupported_encryption (RC2, or more iterations than allowed). Empty: another fault, or none.
  std::string_view pkcs12_problem;
  std::size_t other_blocks = 0;  // PEM blocks of other kinds: keys, parameters
  bool truncated = false;
  // Null in a fact: it takes some kilobytes per certificate, and a file is judged when it is read.
  std::shared_ptr<const DecodedFile> decoded;
};

// Private keys are skipped unread. `pkcs12_password`: for a PKCS#12 file; no password and the empty one are tried as
// well. PKCS#12 can take seconds: call it on a BlockingPool.
CertificateFile ParseCertificateFile(std::string_view bytes, const std::optional<std::string>& pkcs12_password,
                                     long max_pkcs12_iterations = kMaxPkcs12Iterations);

}  // namespace pgtls::tls
