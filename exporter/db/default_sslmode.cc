#include "exporter/db/default_sslmode.h"

#include <cstdlib>

#include "exporter/db/keywords.h"
#include "exporter/db/linked_libpq.h"

namespace pgtls::db {
namespace {

bool g_require_is_default = false;

}  // namespace

void RequireEncryptionByDefault() {
  g_require_is_default = std::getenv("PGSSLMODE") == nullptr;  // NOLINT(concurrency-mt-unsafe)
  setenv("PGSSLMODE", "require", /*overwrite=*/0);             // NOLINT(concurrency-mt-unsafe)
}

bool DefaultsToVerifyFull(const std::string& conninfo, const PQconninfoOption* merged) {
  return g_require_is_default && LibpqMajor() >= kFirstLibpqWithSystemRoot &&
         ValueOf(merged, "sslrootcert") == "system" && ValueOf(merged, "sslmode") == "require" &&
         !Keywords(conninfo).contains("sslmode");
}

}  // namespace pgtls::db
