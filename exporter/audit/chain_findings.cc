#include <fmt/format.h>

#include "exporter/audit/findings.h"
#include "exporter/audit/words.h"
#include "exporter/base/date.h"
#include "exporter/base/text.h"
#include "exporter/tls/probe.h"

namespace pgtls::audit {
namespace {

using tls::CertificateFacts;

// A certificate on the path, and where it is.
struct OnPath {
  const CertificateFacts* facts;
  std::string where;
};

std::vector<OnPath> PathIn(const std::vector<const CertificateFacts*>& chain, const tls::ServedPath& path) {
  std::vector<OnPath> found;
  for (std::size_t i = 0; i < chain.size() && i < path.needed.size(); ++i) {
    if (path.needed[i]) found.emplace_back(chain[i], fmt::format("position {}", i));
  }
  if (path.anchor) found.emplace_back(&*path.anchor, "sslrootcert");
  return found;
}

std::string Line(const OnPath& one) {
  return Printable(fmt::format("{} ({}), valid until {}", one.facts->subject, one.where, Date(*one.facts->not_after)));
}

// The end itself is judged like that of every other certificate.
void AddChainEnd(const std::string& where, const std::vector<OnPath>& path, const Words& words, Findings& findings) {
  const OnPath* first = nullptr;
  for (const OnPath& one : path) {
    if (one.facts->not_after && (first == nullptr || *one.facts->not_after < *first->facts->not_after)) first = &one;
  }
  if (first == nullptr || first == &path.front() || !path.front().facts->not_after) return;
  findings.push_back(
      {Severity::kNote,
       "chain_ends_early",
       "A CA certificate ends before the server's certificate",
       {Printable(where), Line(path.front()), "ends first: " + Line(*first)},
       "From then on clients that verify refuse the server, although its own certificate is still valid.",
       Fill("Before that day, get the current certificate of this CA: if the server sends it, put it into "
            "{certificate} and {reload_end} If it is in the clients' root file (sslrootcert), add it "
            "there. Otherwise issue the server's certificate from a CA that lasts longer.",
            words)});
}

std::vector<const CertificateFacts*> Pointers(const std::vector<CertificateFacts>& chain) {
  std::vector<const CertificateFacts*> pointers;
  for (const CertificateFacts& facts : chain) pointers.push_back(&facts);
  return pointers;
}

}  // namespace

void AddChainEnds(const Evidence& evidence, Findings& findings) {
  if (!evidence.certificates) return;
  const tls::CertificateInventory& inventory = *evidence.certificates;
  const Words& words = WordsOf(evidence);
  const auto add = [&](const std::string& where, const std::vector<const CertificateFacts*>& chain,
                       const std::optional<tls::ServedPath>& path) {
    if (path && !chain.empty()) AddChainEnd(where, PathIn(chain, *path), words, findings);
  };
  add("served", Pointers(inventory.served), inventory.served_path);
  for (const tls::ServedName& name : inventory.names) {
    const std::string clients = name.host == tls::kWithoutSni ? "clients without SNI" : name.host;
    add("served to " + clients, Pointers(name.served), name.served_path);
  }
  for (const tls::FileReport& file : inventory.files) {
    // What is served was judged there.
    if (IsServed(inventory, file) == true) continue;
    std::vector<const CertificateFacts*> chain;
    for (const auto& entry : file.content.certificates) chain.push_back(&entry.facts);
    add("file " + file.path, chain, file.chain_path);
  }
}

}  // namespace pgtls::audit
