#include "collectors/certificate_samples.h"

#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "collectors/client_uses.h"

namespace pgtls::collectors {
namespace {

using metrics::Desc;
using metrics::Sink;
using metrics::Type;
using std::chrono::sys_seconds;
using tls::CertificateInventory;

// ---- Descriptors

constexpr Desc kNotAfter = {
    "pg_tls_certificate_not_after_timestamp_seconds",
    Type::kGauge,
    "End of the certificate's validity in seconds since the epoch, whether or not the certificate can be verified.",
    {"server", "source", "role", "path", "position", "subject", "host"},
    "host"};
constexpr Desc kNotBefore = {
    "pg_tls_certificate_not_before_timestamp_seconds",
    Type::kGauge,
    "Start of the certificate's validity in seconds since the epoch, whether or not the certificate can be verified.",
    {"server", "source", "role", "path", "position", "subject", "host"},
    "host"};
constexpr Desc kInfo = {
    "pg_tls_certificate_info",
    Type::kGauge,
    "Contents of the certificate; always 1.",
    {"server", "source", "role", "path", "position", "subject", "issuer", "serial", "fingerprint_sha256",
     "key_algorithm", "key_size", "signature_algorithm", "san", "self_signed", "host"},
    "host"};
constexpr Desc kUsage = {"pg_tls_certificate_usage_info",
                         Type::kGauge,
                         "A purpose that the certificate is issued for (extendedKeyUsage); always 1. None if it is not "
                         "restricted.",
                         {"server", "source", "role", "path", "position", "subject", "usage", "host"},
                         "host"};
constexpr Desc kReadable = {"pg_tls_certificate_file_readable",
                            Type::kGauge,
                            "Whether the file was read and parsed completely.",
                            {"server", "role", "path"}};
constexpr Desc kFileError = {"pg_tls_certificate_file_error_info",
                             Type::kGauge,
                             "Why the file could not be read or parsed completely; always 1.",
                             {"server", "role", "path", "reason"}};
constexpr Desc kCrlNextUpdate = {
    "pg_tls_crl_next_update_timestamp_seconds",
    Type::kGauge,
    "When the issuer's revocation list expires and certificates of the issuer are refused, in seconds since the epoch.",
    {"server", "path", "issuer"}};
constexpr Desc kChainNotAfter = {
    "pg_tls_certificate_chain_not_after_timestamp_seconds",
    Type::kGauge,
    "The earliest end of validity on the path from the server's certificate to its root, in seconds since the epoch.",
    {"server", "source", "role", "path", "host"},
    "host"};
constexpr Desc kUnneeded = {"pg_tls_certificate_unneeded_info",
                            Type::kGauge,
                            "A certificate that no verification depends on, so its end affects no client; always 1.",
                            {"server", "source", "role", "path", "position", "subject", "host"},
                            "host"};
constexpr Desc kListForSent = {"pg_tls_crl_unknown_issuer_info",
                               Type::kGauge,
                               "A revocation list whose issuer is not in ssl_ca_file; always 1.",
                               {"server", "path", "issuer"}};
constexpr Desc kCaAccepted = {"pg_tls_client_ca_accepted",
                              Type::kGauge,
                              "Whether the server accepts client certificates that this authority issued.",
                              {"server", "path", "subject", "serial"}};
constexpr Desc kCaRefused = {"pg_tls_client_ca_refused_info",
                             Type::kGauge,
                             "Why the server refuses client certificates that this authority issued; always 1.",
                             {"server", "path", "subject", "serial", "reason"}};
constexpr Desc kCaNotAfter = {"pg_tls_client_ca_not_after_timestamp_seconds",
                              Type::kGauge,
                              "When the first certificate on the authority's path expires that no other certificate "
                              "replaces, in seconds since the epoch.",
                              {"server", "path", "subject", "serial"}};
constexpr Desc kKeyOk = {"pg_tls_private_key_ok",
                         Type::kGauge,
                         "Whether PostgreSQL will accept the private key file at its next start.",
                         {"server", "path", "check"}};
constexpr Desc kNextStartOk = {
    "pg_tls_next_start_ok",
    Type::kGauge,
    "Whether the server would start again with its current TLS files, TLS settings and pg_hba.conf.",
    {"server"}};
constexpr Desc kNextStartFailure = {"pg_tls_next_start_failure_info",
                                    Type::kGauge,
                                    "Why the server would not start again; always 1.",
                                    {"server", "role", "path", "reason"}};
constexpr Desc kMatches = {"pg_tls_served_certificate_matches_file",
                           Type::kGauge,
                           "Whether the served certificate is the one in the server's file.",
                           {"server", "host"},
                           "host"};
constexpr Desc kChanged = {"pg_tls_served_certificate_changed_timestamp_seconds",
                           Type::kGauge,
                           "When the exporter first observed the served certificate, in seconds since the epoch. "
                           "Absent until it has observed a change, or the same certificate for a day.",
                           {"server", "host"},
                           "host"};

constexpr Desc kRootVerified = {
    "pg_tls_root_verified",
    Type::kGauge,
    "Whether the served chain verifies against a root certificate file of the configuration (`roots`).",
    {"server", "root", "host"},
    "host"};
constexpr Desc kHostInfo = {
    "pg_tls_host_certificate_info",
    Type::kGauge,
    "The certificate and CA file of a host name in pg_hosts.conf (* and /no_sni/ included); always 1.",
    {"server", "host", "path", "ca_path"}};

constexpr Desc kOmitted = {
    "pg_tls_certificate_series_omitted",
    Type::kGauge,
    "Certificates, files, revocation lists, host names and client certificates without series because of "
    "collectors.certificates.max_series.",
    {"server", "kind"}};

// ---- Render

// The first `most` of `all` in the order of `rank`; equals in their order.
template <typename T, typename Rank>
std::vector<const T*> First(const std::vector<T>& all, std::size_t most, Rank rank) {
  std::vector<const T*> result;
  for (const T& one : all) result.push_back(&one);
  if (all.size() <= most) return result;
  std::ranges::sort(result, {}, [&](const T* one) { return std::pair(rank(*one), one); });
  result.resize(most);
  return result;
}

class Renderer {
 public:
  Renderer(std::size_t max_series, Sink& sink) : max_series_(max_series), sink_(sink) {}

  void Served(const CertificateInventory& inventory) {
    const auto changed = [&](std::string_view host, const std::optional<sys_seconds>& at) {
      if (at) sink_.Add(kChanged, {host}, metrics::Seconds(at->time_since_epoch()));
    };
    Chain("", inventory.served, inventory.served_path, kMostServedCertificates);
    changed("", inventory.served_changed);
    for (const tls::ServedName& name : inventory.names) changed(name.host, name.changed);
    std::size_t left = max_series_;
    for (const tls::ServedName& name : inventory.names) {
      left -= Chain(name.host, name.served, name.served_path, std::min(left, kMostServedCertificates));
    }
  }

  void Files(const CertificateInventory& inventory) {
    std::vector<Placed> placed;
    for (const auto& file : inventory.files) {
      for (const auto& entry : file.content.certificates) placed.push_back({&file, &entry});
    }
    // Those of the server before those of the configuration.
    const auto of_file = First(inventory.files, max_series_, [](const tls::FileReport& file) {
      return std::tuple(!IsOfSettings(file), file.problem.empty());
    });
    const auto of_certificate = First(placed, max_series_, [](const Placed& one) {
      return std::tuple(one.file->role != "server", !one.entry->needed,
                        one.entry->facts.not_after.value_or(sys_seconds::max()));
    });
    for (const auto* file : of_file) {
      sink_.Add(kReadable, {file->role, file->path}, file->problem.empty() ? 1 : 0);
      if (!file->problem.empty()) sink_.Add(kFileError, {file->role, file->path, file->problem}, 1);
    }
    for (const auto* one : of_certificate) {
      const auto& [position, facts, needed] = *one->entry;
      Certificate("file", one->file->role, one->file->path, std::to_string(position), facts, needed);
    }
    for (const auto* file : of_file) {
      if (file->chain_path) ChainEnd("file", file->path, *file->chain_path, true);
    }
    omitted_files_ += inventory.files.size() - of_file.size();
    omitted_certificates_ += placed.size() - of_certificate.size();
  }

  void Lists(const CertificateInventory& inventory) {
    const auto shown = First(inventory.lists, max_series_, [](const tls::ListInForce& list) {
      return std::tuple(list.scope, list.next_update.value_or(sys_seconds::max()));
    });
    for (const auto* list : shown) {
      if (list->next_update) {
        sink_.Add(kCrlNextUpdate, {list->path, list->issuer}, metrics::Seconds(list->next_update->time_since_epoch()));
      }
      if (list->scope != tls::ListScope::kAuthority) sink_.Add(kListForSent, {list->path, list->issuer}, 1);
    }
    omitted_lists_ += inventory.lists.size() - shown.size();
  }

  void Hosts(const CertificateInventory& inventory) {
    for (const tls::ServedName& name : inventory.names) {
      if (name.matches_file) sink_.Add(kMatches, {name.host}, *name.matches_file ? 1 : 0);
    }
    if (!inventory.hosts) return;
    const auto& entries = inventory.hosts->entries;
    const std::size_t shown = std::min(entries.size(), max_series_);
    for (const tls::HostEntry& entry : std::span(entries).first(shown)) {
      sink_.Add(kHostInfo, {entry.host, entry.certificate, entry.ca}, 1);
    }
    omitted_hosts_ += entries.size() - shown;
  }

  void Clients(const CertificateInventory& inventory) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    omitted_clients_ = RenderClientUses(inventory.client_uses, max_series_, now, sink_);
  }

  // Returns whether there is anything.
  bool Omitted() {
    for (const auto& [kind, count] : {std::pair{"certificate", omitted_certificates_},
                                      {"file", omitted_files_},
                                      {"crl", omitted_lists_},
                                      {"host", omitted_hosts_},
                                      {"client_certificate", omitted_clients_}}) {
      if (count > 0) sink_.Add(kOmitted, {kind}, static_cast<double>(count));
    }
    return omitted_certificates_ + omitted_files_ + omitted_lists_ + omitted_hosts_ + omitted_clients_ > 0;
  }

 private:
  struct Placed {
    const tls::FileReport* file;
    const tls::CertificateFile::Entry* entry;
  };

  // `host`: empty for the server's own name. Returns how many certificates have series, at most `most`.
  std::size_t Chain(std::string_view host, const std::vector<tls::CertificateFacts>& served,
                    const std::optional<tls::ServedPath>& path, std::size_t most) {
    const std::size_t shown = std::min(served.size(), most);
    for (std::size_t i = 0; i < shown; ++i) {
      Certificate("served", "server", "", std::to_string(i), served[i], !path || path->needed[i], host);
    }
    omitted_certificates_ += served.size() - shown;
    if (path) ChainEnd("served", "", *path, shown < most, host);
    return path && path->anchor && shown < most ? shown + 1 : shown;
  }

  // Of a chain as it is served, or in a file. `room`: for the anchor.
  void ChainEnd(std::string_view source, std::string_view path, const tls::ServedPath& served, bool room,
                std::string_view host = "") {
    if (served.not_after) {
      sink_.Add(kChainNotAfter, {source, "server", path, host}, metrics::Seconds(served.not_after->time_since_epoch()));
    }
    if (served.anchor && room) Certificate(source, "server", path, "anchor", *served.anchor, true, host);
  }

  void Certificate(std::string_view source, std::string_view role, std::string_view path, const std::string& number,
                   const tls::CertificateFacts& facts, bool needed, std::string_view host = "") {
    const auto time = [&](const Desc& desc, std::optional<std::chrono::sys_seconds> at) {
      if (!at) return;
      sink_.Add(desc, {source, role, path, number, facts.subject, host}, metrics::Seconds(at->time_since_epoch()));
    };
    time(kNotAfter, facts.not_after);
    time(kNotBefore, facts.not_before);
    if (!needed) sink_.Add(kUnneeded, {source, role, path, number, facts.subject, host}, 1);
    const std::vector<std::string> usages = facts.extended_key_usage.value_or(std::vector<std::string>());
    for (const std::string& usage : std::set(usages.begin(), usages.end())) {
      sink_.Add(kUsage, {source, role, path, number, facts.subject, usage, host}, 1);
    }
    sink_.Add(kInfo,
              {source, role, path, number, facts.subject, facts.issuer, facts.serial, facts.fingerprint_sha256,
               facts.key_algorithm, facts.key_size, facts.signature_algorithm, facts.san,
               facts.self_signed ? "true" : "false", host},
              1);
  }

  std::size_t max_series_;
  Sink& sink_;
  std::size_t omitted_certificates_ = 0;
  std::size_t omitted_files_ = 0;
  std::size_t omitted_lists_ = 0;
  std::size_t omitted_hosts_ = 0;
  std::size_t omitted_clients_ = 0;
};

void RenderClients(const CertificateInventory& inventory, Sink& sink) {
  const auto file = std::ranges::find(inventory.files, "ca", &tls::FileReport::role);
  if (!inventory.clients || file == inventory.files.end()) return;
  // Two may share subject and serial, and the first sample of a label set stays.
  std::vector<const tls::ClientAuthority*> refused_first;
  for (const auto& authority : inventory.clients->authorities) refused_first.push_back(&authority);
  std::ranges::sort(refused_first, {}, [](const auto* one) { return std::pair(one->refusals.empty(), one); });
  for (const auto* authority : refused_first) {
    const auto& [subject, serial, refusals, not_after, not_before] = *authority;
    sink.Add(kCaAccepted, {file->path, subject, serial}, refusals.empty() ? 1 : 0);
    std::set<std::string_view> reasons;
    for (const auto& refusal : refusals) reasons.insert(refusal.reason);
    for (const std::string_view reason : reasons) sink.Add(kCaRefused, {file->path, subject, serial, reason}, 1);
    if (not_after) {
      sink.Add(kCaNotAfter, {file->path, subject, serial}, metrics::Seconds(not_after->time_since_epoch()));
    }
  }
}

void RenderKey(const CertificateInventory& inventory, Sink& sink) {
  if (!inventory.key) return;
  const auto check = [&](std::string_view name, std::optional<bool> ok) {
    if (ok) sink.Add(kKeyOk, {inventory.key->path, name}, *ok ? 1 : 0);
  };
  check("mode", inventory.key->mode);
  check("owner", inventory.key->owner);
  check("readable", inventory.key->readable);
  check("matches_certificate", inventory.key->matches_certificate);
}

void RenderNextStart(const CertificateInventory& inventory, Sink& sink) {
  if (!inventory.next_start) return;
  if (const auto ok = inventory.next_start->ok()) sink.Add(kNextStartOk, {}, *ok ? 1 : 0);
  std::set<std::vector<std::string>> once;
  for (const auto& [role, path, reason] : inventory.next_start->failures) once.insert({role, path, reason});
  for (const auto& labels : once) sink.Add(kNextStartFailure, {labels[0], labels[1], labels[2]}, 1);
}

}  // namespace

constexpr std::array<const Desc*, 27> kCertificateDescs = {
    &kNotAfter,         &kNotBefore,       &kInfo,           &kUsage,         &kChainNotAfter,
    &kUnneeded,         &kReadable,        &kFileError,      &kCrlNextUpdate, &kListForSent,
    &kCaAccepted,       &kCaRefused,       &kCaNotAfter,     &kKeyOk,         &kNextStartOk,
    &kNextStartFailure, &kMatches,         &kChanged,        &kRootVerified,  &kHostInfo,
    &kClientNotAfter,   &kClientNotBefore, &kClientLastSeen, &kClientUnknown, &kClientRevoked,
    &kClientAddress,    &kOmitted};

bool RenderCertificates(const CertificateInventory& inventory, std::size_t max_series, Sink& sink) {
  Renderer renderer(max_series, sink);
  renderer.Served(inventory);
  renderer.Files(inventory);
  renderer.Lists(inventory);
  RenderClients(inventory, sink);
  RenderKey(inventory, sink);
  RenderNextStart(inventory, sink);
  if (inventory.served_matches_file) sink.Add(kMatches, {""}, *inventory.served_matches_file ? 1 : 0);
  renderer.Hosts(inventory);
  for (const tls::RootVerdict& verdict : inventory.roots) {
    sink.Add(kRootVerified, {verdict.root, verdict.host}, verdict.errors.empty() ? 1 : 0);
  }
  renderer.Clients(inventory);
  return renderer.Omitted();
}

}  // namespace pgtls::collectors
