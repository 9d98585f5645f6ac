// Which certificates of a file matter, if it is not known who reads it and for what.
#pragma once

#include <chrono>
#include <vector>

#include "exporter/tls/x509.h"

namespace pgtls::tls {

// For each certificate: false if its end affects nobody. That is one of an authority whose other certificate in the
// file is valid for longer; one of a collection of authorities (ClientTrust) in which others are; or, in a file with
// other certificates than authorities', an issuer on none of their paths. Pure. A hundred authorities take some 50 ms.
std::vector<bool> NeededCertificates(const Chain& certificates, std::chrono::sys_seconds now);

}  // namespace pgtls::tls
