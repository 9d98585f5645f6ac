#include "exporter/audit/words.h"

#include <fmt/format.h>

namespace pgtls::audit {
namespace {

constexpr Words kWordsOfPgBouncer = {.product = "PgBouncer",
                                     .os_user = "PgBouncer's OS user",
                                     .certificate = "client_tls_cert_file",
                                     .key = "client_tls_key_file",
                                     .ca = "client_tls_ca_file or server_tls_ca_file",
                                     .rules = "auth_hba_file",
                                     .reload = "run RELOAD on the console",
                                     .reload_end = "run RELOAD on the console."};

}  // namespace

const Words& WordsOf(const KnownFacts& evidence) { return evidence.is_pooler() ? kWordsOfPgBouncer : kWordsOfPostgres; }

std::string Fill(std::string_view text, const Words& words) {
  return fmt::format(fmt::runtime(text), fmt::arg("product", words.product), fmt::arg("certificate", words.certificate),
                     fmt::arg("key", words.key), fmt::arg("ca", words.ca), fmt::arg("reload", words.reload),
                     fmt::arg("reload_end", words.reload_end));
}

}  // namespace pgtls::audit
