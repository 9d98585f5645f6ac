// The client certificates that an authority has issued, by their files and by `openssl ca`'s index.txt: when those that
// sessions use end. An inventory may have any size; entries that no session uses are not kept.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "exporter/sampling/collector.h"
#include "exporter/tls/inventory.h"

namespace pgtls::files {

struct InventoryPaths {
  std::vector<std::string> files;          // glob patterns
  std::vector<std::string> openssl_index;  // paths of index.txt

  friend bool operator==(const InventoryPaths&, const InventoryPaths&) = default;
};

// A certificate as pg_stat_ssl shows it, and what the inventory and the revocation lists have about it.
struct SoughtCertificate {
  std::string client_dn;
  std::string issuer_dn;
  std::string serial;  // as tls::NormalSerial()

  bool found = false;
  // Where several fit (index.txt does not name the issuer), the earliest end.
  std::optional<std::chrono::sys_seconds> not_after;
  std::optional<std::chrono::sys_seconds> not_before;  // index.txt does not have it
  bool revoked = false;
};

// Completes `sought`. Returns what could not be read, of the part `client_inventory`: each reason once, with the first
// path. Blocks.
std::vector<sampling::IncompletePart> FindInInventory(const InventoryPaths& paths,
                                                      std::vector<SoughtCertificate>& sought);

// Marks those that a revocation list among `files` has. REQUIRES: the files are decoded.
void FindRevoked(const std::vector<tls::FileReport>& files, std::vector<SoughtCertificate>& sought);

}  // namespace pgtls::files
