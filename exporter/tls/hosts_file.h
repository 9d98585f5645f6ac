// The content of pg_hosts.conf (PostgreSQL 19), as a fact: which certificate each host name gets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgtls::tls {

// The entry for names that no other entry has, with or without SNI.
inline constexpr std::string_view kEveryName = "*";

struct HostEntry {
  std::string host;         // as written; or kEveryName, or kWithoutSni
  std::string certificate;  // a path as written: relative to data_directory, unless it is absolute
  std::string ca;           // the same; empty: the entry verifies no client certificates
  friend bool operator==(const HostEntry&, const HostEntry&) = default;
};

// With one of these PostgreSQL refuses the whole file and keeps the entries that it had loaded before.
struct HostsError {
  std::string file;
  int line = 0;         // 0: of the file as a whole
  std::string problem;  // our own text: it quotes nothing from the file except a host name
  friend bool operator==(const HostsError&, const HostsError&) = default;
};

// The file on disk, with those that it includes. It exists as a fact only while ssl_sni is on.
struct HostsFile {
  std::vector<HostEntry> entries;  // of lines without an error, one for each name
  std::vector<HostsError> errors;
  bool truncated = false;  // there are more entries than are kept

  // If it is, ssl_cert_file, ssl_key_file and ssl_ca_file are not used.
  bool in_use() const { return !entries.empty() || !errors.empty(); }
  // The entry for a client that asks for `host` (kWithoutSni: for no name). Names are compared case-insensitively.
  // Null: the client is refused, if `errors` is empty and nothing was truncated.
  const HostEntry* EntryFor(std::string_view host) const;
};

}  // namespace pgtls::tls
