#include "collectors/host_certificates.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "exporter/base/text.h"

namespace pgtls::collectors {
namespace {

using tls::CertificateInventory;
using tls::FileReport;
using tls::HostEntry;

bool IsUsed(const tls::HostsFile& hosts, const FileReport& file) {
  if (file.role != "server" && file.role != "ca") return true;
  return std::ranges::any_of(hosts.entries, [&file](const HostEntry& entry) {
    return file.path == (file.role == "server" ? entry.certificate : entry.ca);
  });
}

// Null if there is none.
FileReport* FileOf(CertificateInventory& inventory, const std::string& path) {
  const auto found = std::ranges::find_if(
      inventory.files, [&path](const FileReport& file) { return file.role == "server" && file.path == path; });
  return found == inventory.files.end() ? nullptr : &*found;
}

// Also notes it of the file.
std::optional<bool> MatchesEntry(const std::string& host, const std::vector<tls::CertificateFacts>& served,
                                 CertificateInventory& inventory) {
  const HostEntry* const entry = inventory.hosts->EntryFor(host);
  FileReport* const file = entry == nullptr ? nullptr : FileOf(inventory, entry->certificate);
  if (file == nullptr) return std::nullopt;
  const auto matches = Matches(*file, served);
  if (matches) file->is_served = *matches && file->is_served.value_or(true);
  return matches;
}

}  // namespace

void UseHosts(const tls::HostsFile& hosts, files::FileSettings& settings, CertificateInventory& inventory,
              sampling::Output& output) {
  inventory.hosts = hosts;
  for (HostEntry& entry : inventory.hosts->entries) {
    entry.certificate = files::InDataDirectory(settings, entry.certificate);
    entry.ca = files::InDataDirectory(settings, entry.ca);
  }
  if (!hosts.errors.empty()) {
    const auto& [file, line, problem] = hosts.errors.front();
    output.incomplete.push_back({"host_files", "malformed", Printable(fmt::format("{}:{}: {}", file, line, problem))});
  }
  if (!hosts.in_use()) return;
  std::erase_if(inventory.files, [&](const FileReport& file) { return !IsUsed(*inventory.hosts, file); });
  settings["ssl_ca_file"] = "";
  const auto verifies = [](const HostEntry& entry) { return !entry.ca.empty(); };
  if (std::ranges::any_of(hosts.entries, verifies)) output.incomplete.push_back({"client_certificates", "sni"});
  for (const HostEntry& entry : inventory.hosts->entries) {
    if (FileOf(inventory, entry.certificate) != nullptr) continue;
    output.incomplete.push_back({"host_files", "not_read", entry.certificate});
    break;
  }
}

void CompareNames(const std::string& own, CertificateInventory& inventory) {
  inventory.served_matches_file = MatchesEntry(own, inventory.served, inventory);
  for (tls::ServedName& name : inventory.names) {
    name.matches_file = MatchesEntry(name.host, name.served, inventory);
  }
}

std::optional<bool> Matches(const FileReport& file, const std::vector<tls::CertificateFacts>& served) {
  if (!file.problem.empty() || served.empty()) return std::nullopt;
  const auto& certificates = file.content.certificates;
  if (certificates.size() > served.size()) return false;
  return std::ranges::equal(
      certificates, served | std::views::take(certificates.size()), {},
      [](const auto& entry) { return entry.facts.fingerprint_sha256; }, &tls::CertificateFacts::fingerprint_sha256);
}

}  // namespace pgtls::collectors
