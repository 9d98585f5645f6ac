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
  const tls::Chain& decoded = file.decoded->certificates;
  if (decoded.size() != file.certificates.size() || file.decoded->crls.size() != file.crls.size()) std::abort();
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    const auto& [position, facts, needed] = file.certificates[i];
    if (position >= tls::kMaxCertificatesPerFile || facts.san.size() > 1024) std::abort();
    const tls::CertificateFile again = tls::ParseCertificateFile(tls::DerOf(decoded[i].get()), {});
    if (again.certificates.size() != 1 || again.certificates[0].facts != facts) std::abort();
    tls::VerifyHostName(decoded[i].get(), "db.example.com");
    tls::VerifyHostName(decoded[i].get(), "127.0.0.1");
  }
  tls::KeyMatchesCertificate(bytes, bytes);
  return 0;
}
