// A constructed client certificate, as an authority would issue it, but without a signature. Verifying it shows whether
// a real one would be accepted.
#pragma once

#include <vector>

#include "exporter/tls/openssl.h"
#include "exporter/tls/revocation_lists.h"

namespace pgtls::tls {

// Valid at any time, on no list, for any purpose. It names every distribution point for which the authority's lists
// were made, as the authority's own certificates do. Null if OpenSSL cannot read the authority's key.
X509Ptr SpecimenOf(X509* authority, const std::vector<DecodedListFile>& lists);

}  // namespace pgtls::tls
