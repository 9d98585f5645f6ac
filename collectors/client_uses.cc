#include "collectors/client_uses.h"

#include <algorithm>
#include <map>
#include <span>
#include <tuple>
#include <utility>

#include "exporter/config/yaml.h"
#include "exporter/files/certificate_files.h"
#include "exporter/metrics/series_cap.h"
#include "exporter/tls/openssl_index.h"
#include "exporter/tls/shown_name.h"

namespace pgtls::collectors {
namespace {

using metrics::Desc;
using std::chrono::sys_seconds;
using tls::ClientUse;

// Addresses change with every pod: they are shown where somebody has to act.
constexpr std::chrono::days kAddressesAhead{30};

bool EndsFirst(const ClientUse& a, const ClientUse& b) {
  const auto end = [](const ClientUse& use) { return use.not_after.value_or(sys_seconds::max()); };
  if (end(a) != end(b)) return end(a) < end(b);
  return std::tie(a.user, a.client_dn, a.serial) < std::tie(b.user, b.client_dn, b.serial);
}

// As `openssl x509 -serial` prints it.
std::string ShownSerial(const std::string& normal) { return normal.size() % 2 == 0 ? normal : "0" + normal; }

void AddOwn(const ClientUsesQuestion& question, ClientUsesFound& found) {
  if (question.own_file.empty()) return;
  const tls::FileReport file = files::ReportOn("extra", question.own_file);
  if (file.content.certificates.empty()) return;  // the login itself fails because of it
  X509* const certificate = file.content.decoded->certificates.front().get();
  const tls::CertificateFacts& facts = file.content.certificates.front().facts;
  ClientUse own = {.user = question.own_user,
                   .client_dn = tls::ShownName(X509_get_subject_name(certificate)),
                   .issuer_dn = tls::ShownName(X509_get_issuer_name(certificate)),
                   .serial = ShownSerial(tls::NormalSerial(facts.serial)),
                   .own = true,
                   .found = true,
                   .not_before = facts.not_before,
                   .not_after = facts.not_after};
  const auto same = std::ranges::find_if(found.uses, [&](const ClientUse& use) {
    return use.user == own.user && use.client_dn == own.client_dn && use.issuer_dn == own.issuer_dn &&
           use.serial == own.serial;
  });
  if (same == found.uses.end()) {
    found.uses.push_back(std::move(own));
    return;
  }
  same->own = same->found = true;
  same->not_before = own.not_before;
  same->not_after = own.not_after;
}

double Seconds(sys_seconds time) { return metrics::Seconds(time.time_since_epoch()); }

}  // namespace

files::InventoryPaths ReadClientInventory(const config::Node& node, config::Files& files) {
  files::InventoryPaths paths;
  for (const auto& [key, value] : node.Map({"files", "openssl_index"})) {
    if (key == "files") paths.files = config::ReadPaths(value, files);
    if (key == "openssl_index") paths.openssl_index = config::ReadPaths(value, files);
  }
  return paths;
}

config::Milliseconds ReadClientKeep(const config::Node& node, config::Files& /*files*/) {
  for (const auto& [key, value] : node.Map({"keep"})) return value.Duration(std::chrono::seconds(1));
  return kDefaultClientKeep;
}

ClientUsesFound FindClientUses(const ClientUsesQuestion& question, const std::vector<tls::FileReport>& files,
                               sys_seconds now) {
  ClientUsesFound found;
  std::vector<files::SoughtCertificate> sought;
  if (question.seen != nullptr) {
    for (const auto& [certificate, connections, addresses, last_seen] : question.seen->uses) {
      if (connections == 0 && now - last_seen > question.keep) continue;
      const std::string serial = tls::NormalSerialOfDecimal(certificate.serial);
      sought.push_back({.client_dn = certificate.client_dn, .issuer_dn = certificate.issuer_dn, .serial = serial});
      found.uses.push_back({.user = certificate.user,
                            .client_dn = certificate.client_dn,
                            .issuer_dn = certificate.issuer_dn,
                            .serial = ShownSerial(serial),
                            .connections = connections,
                            .addresses = addresses,
                            .last_seen = connections > 0 ? now : last_seen});
    }
  }
  if (!sought.empty()) {
    found.incomplete = FindInInventory(question.paths, sought);
    FindRevoked(files, sought);
  }
  for (std::size_t i = 0; i < sought.size(); ++i) {
    found.uses[i].found = sought[i].found;
    found.uses[i].not_before = sought[i].not_before;
    found.uses[i].not_after = sought[i].not_after;
    found.uses[i].revoked = sought[i].revoked;
  }
  if (question.paths == files::InventoryPaths()) {
    std::erase_if(found.uses, [](const ClientUse& use) { return !use.revoked; });
  }
  AddOwn(question, found);
  std::ranges::sort(found.uses, EndsFirst);
  return found;
}

std::size_t RenderClientUses(const std::vector<ClientUse>& uses, std::size_t max_series, sys_seconds now,
                             metrics::Sink& sink) {
  std::map<std::pair<std::string, std::string>, std::size_t> unknown;
  for (const ClientUse& use : uses) {
    if (use.found || use.connections == 0) continue;
    const std::pair key(use.user, use.issuer_dn);
    const bool folded = unknown.size() >= max_series && !unknown.contains(key);
    unknown[folded ? std::pair(std::string(metrics::kOther), std::string(metrics::kOther)) : key] += use.connections;
  }
  for (const auto& [key, connections] : unknown) {
    sink.Add(kClientUnknown, {key.first, key.second}, static_cast<double>(connections));
  }
  const std::size_t shown = std::min(uses.size(), max_series);
  for (const ClientUse& use : std::span(uses).first(shown)) {
    const auto time = [&](const Desc& desc, std::optional<sys_seconds> at) {
      if (at) sink.Add(desc, {use.user, use.client_dn, use.issuer_dn, use.serial}, Seconds(*at));
    };
    time(kClientNotAfter, use.not_after);
    time(kClientNotBefore, use.not_before);
    time(kClientLastSeen, use.last_seen);
    if (use.revoked && use.connections > 0) {
      sink.Add(kClientRevoked, {use.user, use.client_dn, use.serial}, static_cast<double>(use.connections));
    }
    if (!use.revoked && !(use.not_after && *use.not_after - now < kAddressesAhead)) continue;
    for (const std::string& address : use.addresses) {
      sink.Add(kClientAddress, {use.user, use.client_dn, use.issuer_dn, use.serial, address}, 1);
    }
  }
  return uses.size() - shown;
}

}  // namespace pgtls::collectors
