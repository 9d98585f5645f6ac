// A client certificate that does not exist: what an authority would issue, without a signature. Verifying it shows what
// would become of a real one.
#pragma once

#include <vector>

#include "exporter/tls/openssl.h"
#include "exporter/tls/revocation_lists.h"

namespace pgtls::tls {

// Valid at any time, on no list, for any purpose. It names every distribution point for which the authority's lists
// were made, as the authority's own certificates do. Null where OpenSSL cannot read the authority's key.
X509Ptr SpecimenOf(X509* authority, const std::vector<DecodedListFile>& lists);

}  // namespace pgtls::tls
