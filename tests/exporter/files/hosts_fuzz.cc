// Any bytes in pg_hosts.conf and in a file that it lists are read without harm and within bounds; entries written again
// read as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exporter/base/text.h"
#include "exporter/files/hosts_file.h"
#include "exporter/hba/token.h"

using pgtls::files::HostsLine;
using pgtls::tls::HostEntry;
using pgtls::tls::HostsFile;

namespace {

void Expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// The input is pg_hosts.conf and, behind the first \xFF, the file "list" beside it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t split = std::min(all.find('\xFF'), all.size());
  std::vector<HostsLine> lines = pgtls::files::SplitHostsLines("/data/pg_hosts.conf", all.substr(0, split), false);
  const auto list = pgtls::files::SplitHostsLines("/data/list", all.substr(std::min(split + 1, all.size())), true);
  lines.insert(lines.end(), list.begin(), list.end());
  const HostsFile hosts = pgtls::files::ParseHosts(lines);

  Expect(hosts.entries.size() <= pgtls::files::kMostHostEntries);
  std::string again;
  for (const HostEntry& entry : hosts.entries) {
    const HostEntry* const found = hosts.EntryFor(entry.host);
    Expect(found != nullptr && pgtls::Lower(found->host) == pgtls::Lower(entry.host));
    again += pgtls::hba::Quoted(entry.host) + " " + pgtls::hba::Quoted(entry.certificate) + " key " +
             pgtls::hba::Quoted(entry.ca) + " command\n";
  }
  for (const auto& error : hosts.errors) Expect(error.line > 0 && !error.problem.empty());
  // The last field has no backslash, which would continue the line.
  const HostsFile reread = pgtls::files::ParseHosts(pgtls::files::SplitHostsLines("/data/pg_hosts.conf", again, false));
  Expect(reread.entries == hosts.entries);
  return 0;
}
