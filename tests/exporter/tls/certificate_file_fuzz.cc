// Any bytes as a certificate file; what was read is also judged and must be read back the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "exporter/tls/certificate_file.h"
#include "exporter/tls/private_key.h"
#include "exporter/tls/verify.h"

namespace tls = pgtls::tls;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const tls::CertificateFile file = tls::ParseCertificateFile(bytes, "secret", 3000);
  for (const tls::CertificateFile::Entry& entry : file.certificates) {
    const tls::CertificateFacts& facts = entry.facts;
    if (entry.position >= tls::kMaxCertificatesPerFile || facts.san.size() > 1024) std::abort();
    const auto again = tls::ParseCertificate(facts.der);
    if (!again || again->fingerprint_sha256 != facts.fingerprint_sha256) std::abort();
    tls::VerifyHostName(facts.der, "db.example.com");
    tls::VerifyHostName(facts.der, "127.0.0.1");
  }
  tls::KeyMatchesCertificate(bytes, bytes);
  return 0;
}
