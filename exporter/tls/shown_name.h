// Names of certificates as pg_stat_ssl shows them (client_dn, issuer_dn): "/C=DE/CN=bob", cut at 63 bytes.
#pragma once

#include <openssl/x509.h>

#include <string>
#include <string_view>

namespace pgtls::tls {

// X509_NAME_to_cstring of PostgreSQL (src/backend/libpq/be-secure-openssl.c), then cut as NAMEDATALEN does it.
std::string ShownName(const X509_NAME* name);

// Whether `shown` may be the name that OpenSSL's index.txt has as `subject` (IndexEntry::subject).
bool MayBeShownAs(std::string_view subject, std::string_view shown);

inline constexpr std::size_t kShownNameBytes = 63;

}  // namespace pgtls::tls
