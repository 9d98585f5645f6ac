#include "exporter/db/default_sslmode.h"

#include <cstdlib>
#include <string_view>

#include "exporter/db/keywords.h"
#include "exporter/db/linked_libpq.h"

namespace pgtls::db {
namespace {

bool g_require_is_default = false;

bool Has(const PQconninfoOption* options, std::string_view keyword, std::string_view value) {
  for (; options != nullptr && options->keyword != nullptr; ++options) {
    if (options->keyword == keyword) return options->val != nullptr && options->val == value;
  }
  return false;
}

}  // namespace

void RequireEncryptionByDefault() {
  g_require_is_default = std::getenv("PGSSLMODE") == nullptr;  // NOLINT(concurrency-mt-unsafe)
  setenv("PGSSLMODE", "require", /*overwrite=*/0);             // NOLINT(concurrency-mt-unsafe)
}

bool DefaultsToVerifyFull(const std::string& conninfo, const PQconninfoOption* merged) {
  return g_require_is_default && LibpqMajor() >= kFirstLibpqWithSystemRoot && Has(merged, "sslrootcert", "system") &&
         Has(merged, "sslmode", "require") && !Keywords(conninfo).contains("sslmode");
}

}  // namespace pgtls::db
