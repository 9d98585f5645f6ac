#include "exporter/status/certificate_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "exporter/audit/findings.h"
#include "exporter/audit/thresholds.h"
#include "exporter/base/text.h"
#include "exporter/tls/probe.h"

namespace pgtls::status {
namespace {

constexpr std::size_t kMaxPlaces = 3;

// What was seen, by pointers into the facts: thousands are sorted, a hundred are shown.
struct Entry {
  const ServerFacts* server = nullptr;
  const tls::CertificateFacts* certificate = nullptr;  // or
  const tls::ListInForce* crl = nullptr;
  bool served = false;                           // to clients of the server's own name
  std::vector<std::string_view> names;           // other names that it is served to
  bool needed = false;                           // verifications depend on it
  bool leaf = false;                             // the server's own, not an authority's
  const tls::FileReport* server_file = nullptr;  // that the server loads, and in which this stands first
  std::vector<const tls::FileReport*> files;     // the first of them
  std::size_t more_files = 0;

  std::optional<std::chrono::sys_seconds> end() const { return crl ? crl->next_update : certificate->not_after; }
};

// An end that cannot be read is no end far away.
bool Sooner(const Entry& a, const Entry& b) {
  const auto key = [](const Entry& entry) {
    // What nothing depends on comes last; at equal times what is served comes first.
    return std::tuple(!entry.needed, entry.end().value_or(std::chrono::sys_seconds::min()), !entry.served,
                      entry.server);
  };
  return key(a) < key(b);
}

void AddFile(Entry& entry, const tls::FileReport& file) {
  if (entry.files.size() < kMaxPlaces) {
    entry.files.push_back(&file);
  } else {
    ++entry.more_files;
  }
}

std::vector<Entry> EntriesOf(const ServerFacts& server) {
  std::vector<Entry> entries;
  if (!server.certificates) return entries;
  const tls::CertificateInventory& inventory = *server.certificates;
  std::map<std::string_view, std::size_t> by_fingerprint;
  const auto entry_for = [&](const tls::CertificateFacts& facts) -> Entry& {
    const auto [found, fresh] = by_fingerprint.emplace(facts.fingerprint_sha256, entries.size());
    if (fresh) entries.push_back({.server = &server, .certificate = &facts});
    return entries[found->second];
  };
  for (std::size_t i = 0; i < inventory.served.size(); ++i) {
    Entry& entry = entry_for(inventory.served[i]);
    entry.served = true;
    entry.needed = entry.needed || !inventory.served_path || inventory.served_path->needed[i];
    entry.leaf = entry.leaf || i == 0;
  }
  for (const tls::ServedName& name : inventory.names) {
    for (std::size_t i = 0; i < name.served.size(); ++i) {
      Entry& entry = entry_for(name.served[i]);
      entry.names.push_back(name.host);
      entry.needed = entry.needed || !name.served_path || name.served_path->needed[i];
      entry.leaf = entry.leaf || i == 0;
    }
  }
  for (const auto& file : inventory.files) {
    for (const auto& [position, facts, needed] : file.content.certificates) {
      Entry& entry = entry_for(facts);
      entry.needed = entry.needed || needed;
      AddFile(entry, file);
      const bool first = file.role == "server" && position == 0;
      if (first) entry.server_file = &file;
      entry.leaf = entry.leaf || first || (!IsOfSettings(file) && position == 0);
    }
  }
  for (const auto& list : inventory.lists) entries.push_back({.server = &server, .crl = &list, .needed = true});
  return entries;
}

// What does not depend on time has findings of its own.
Level LevelOfEnd(const Entry& entry) {
  const auto now = entry.server->now;
  // A list without a next update never ends; a certificate always says when.
  if (!entry.end()) return entry.crl ? Level::kNote : Level::kUnknown;
  if (!entry.needed) return Level::kNote;
  if (entry.crl) return LevelOf(audit::SeverityOfEnd(*entry.crl, now));
  audit::Severity severity = audit::SeverityOfEnd(entry.certificate->not_before, *entry.certificate->not_after, now);
  const auto& clients = entry.server->certificates->clients;
  const bool only_for_clients = !entry.served && entry.names.empty() &&
                                std::ranges::all_of(entry.files, [](const auto* file) { return file->role == "ca"; });
  if (clients && only_for_clients) severity = OfAuthority(*clients, severity);
  const bool waits_for_clients =
      only_for_clients && std::ranges::any_of(entry.files, [](const auto* file) { return file->is_served == false; });
  const bool in_force = entry.served || !entry.names.empty() || entry.server_file == nullptr ||
                        IsServed(*entry.server->certificates, *entry.server_file) != false;
  if (!in_force || waits_for_clients) severity = audit::BeforeLoading(severity);
  return LevelOf(severity);
}

void AddValidity(const Entry& entry, CertificateRow& row) {
  const auto now = entry.server->now;
  row.level = LevelOfEnd(entry);
  if (!row.not_after) return;
  if (!entry.needed) {
    if (*row.not_after <= now) row.flags.push_back({Level::kNote, "expired, and not needed"});
    return;
  }
  if (entry.crl && entry.crl->scope == tls::ListScope::kUnknownIssuer && row.level != Level::kGood)
    row.flags.push_back({Level::kNote, "its issuer is not in ssl_ca_file"});
  if (*row.not_after <= now) row.flags.push_back({row.level, "expired"});
  if (entry.certificate && entry.certificate->not_before && *entry.certificate->not_before > now)
    row.flags.push_back({row.level, "not valid yet"});
}

// Null if it is not known what clients of this name get.
const tls::NameFacts* FactsOfName(const tls::EndpointFacts* endpoint, std::string_view host) {
  if (endpoint == nullptr) return nullptr;
  const auto found = std::ranges::find(endpoint->names, host, &tls::NameFacts::host);
  return found == endpoint->names.end() ? nullptr : &*found;
}

// `served`: of the certificate, null if it was not verified.
void AddChain(const tls::EndpointFacts* endpoint, const tls::Verification* served, CertificateRow& row) {
  if (served == nullptr || !served->chain_errors) {
    const bool no_root = endpoint != nullptr && endpoint->root == tls::RootCertificate::kNone;
    row.flags.push_back({Level::kUnknown, no_root ? "unverified: no sslrootcert" : "unverified"});
  } else if (!served->chain_errors->empty()) {
    row.flags.push_back(
        {LevelOf(audit::kChainNotVerified), fmt::format("not verified: {}", fmt::join(*served->chain_errors, ", "))});
  } else {
    row.flags.push_back({Level::kGood, "verified"});
  }
}

void AddHostName(const tls::Verification* served, const std::string& host, CertificateRow& row) {
  if (served != nullptr && served->hostname_ok == false)
    row.flags.push_back({LevelOf(audit::kWrongHost), "not for " + host});
}

// The served certificate is the one that was verified.
void AddVerification(const Entry& entry, CertificateRow& row) {
  if (!entry.leaf) return;
  const tls::EndpointFacts* const endpoint = entry.server->endpoint.get();
  if (entry.served) {
    AddChain(endpoint, endpoint, row);
    if (endpoint != nullptr) AddHostName(endpoint, endpoint->host, row);
  } else if (!entry.names.empty()) {
    AddChain(endpoint, FactsOfName(endpoint, entry.names.front()), row);
  } else if (entry.server_file != nullptr) {
    const auto matches = IsServed(*entry.server->certificates, *entry.server_file);
    row.flags.push_back(matches == false ? Remark{Level::kWarning, "not served"}
                                         : Remark{Level::kUnknown, "not known to be served"});
  }
  for (const std::string_view name : entry.names) AddHostName(FactsOfName(endpoint, name), std::string(name), row);
  if (entry.certificate && entry.certificate->self_signed) row.flags.push_back({Level::kNote, "self-signed"});
}

CertificateRow RowOf(const Entry& entry) {
  CertificateRow row;
  row.server = entry.server->snapshot.name;
  row.subject = entry.crl ? entry.crl->issuer : entry.certificate->subject;
  row.kind = entry.crl ? "revocation list" : entry.leaf ? "certificate" : "authority";
  row.not_after = entry.end();
  if (entry.served) row.places.emplace_back("served");
  for (std::size_t i = 0; i < std::min(entry.names.size(), kMaxPlaces); ++i) {
    row.places.push_back(entry.names[i] == tls::kWithoutSni ? "served without SNI"
                                                            : fmt::format("served to {}", entry.names[i]));
  }
  if (entry.names.size() > kMaxPlaces) {
    row.places.push_back(fmt::format("and {}", Counted(entry.names.size() - kMaxPlaces, "more name")));
  }
  if (entry.crl) row.places.push_back(entry.crl->path);
  for (const auto* file : entry.files) row.places.push_back(file->path);
  if (entry.more_files > 0) row.places.push_back(fmt::format("and {}", Counted(entry.more_files, "more file")));
  AddValidity(entry, row);
  AddVerification(entry, row);
  return row;
}

}  // namespace

BoundedList<CertificateRow> CertificateRows(const std::vector<ServerFacts>& servers, std::size_t limit) {
  TopN<Entry, decltype(&Sooner)> soonest(limit, &Sooner);
  for (const auto& server : servers) {
    for (auto& entry : EntriesOf(server)) soonest.Add(std::move(entry));
  }
  BoundedList<Entry> kept = soonest.Take();
  BoundedList<CertificateRow> rows{{}, kept.left_out};
  for (const auto& entry : kept.rows) rows.rows.push_back(RowOf(entry));
  return rows;
}

}  // namespace pgtls::status
