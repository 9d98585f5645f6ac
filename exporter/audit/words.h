// What a kind of server calls its certificate files, and the command that reads them again: remedies name them.
#pragma once

#include <string>
#include <string_view>

#include "exporter/audit/known_facts.h"

namespace pgtls::audit {

struct Words {
  std::string_view product;
  std::string_view os_user;
  // Settings.
  std::string_view certificate;
  std::string_view key;
  std::string_view ca;
  std::string_view rules;       // the file of the rules that admit clients
  std::string_view reload;      // within a sentence
  std::string_view reload_end;  // at the end of a sentence
};

inline constexpr Words kWordsOfPostgres = {.product = "PostgreSQL",
                                           .os_user = "the server's OS user",
                                           .certificate = "ssl_cert_file",
                                           .key = "ssl_key_file",
                                           .ca = "ssl_ca_file",
                                           .rules = "pg_hba.conf",
                                           .reload = "SELECT pg_reload_conf();",
                                           .reload_end = "SELECT pg_reload_conf();"};

const Words& WordsOf(const KnownFacts& evidence);

// Replaces {product}, {certificate}, {key}, {ca}, {reload} and {reload_end} in `text`, a constant of the program.
std::string Fill(std::string_view text, const Words& words);

}  // namespace pgtls::audit
