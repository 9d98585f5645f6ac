#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>
#include <vector>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

std::vector<std::string> Paths(const std::vector<tls::SharedDirectory>& directories) {
  std::vector<std::string> paths;
  for (const tls::SharedDirectory& directory : directories) paths.push_back(directory.path);
  return paths;
}

}  // namespace

void AddKeyDirectories(const Evidence& evidence, Findings& findings) {
  if (!evidence.certificates || !evidence.certificates->key) return;
  const tls::KeyReport& key = *evidence.certificates->key;
  if (!key.shared_directories || key.shared_directories->empty()) return;
  std::vector<std::string> lines = {Printable("key " + key.path)};
  for (const tls::SharedDirectory& directory : *key.shared_directories) {
    lines.push_back(Printable(fmt::format("directory {}: mode {:04o}", directory.path, directory.mode)));
  }
  findings.push_back({Severity::kWarning, "key_directory_writable",
                      "Others may replace the private key: a directory above it is writable by a group or by everybody",
                      std::move(lines),
                      "Whoever may write to the directory can rename or delete the key file, or put another one in its "
                      "place, whatever the mode of the file is.",
                      Printable(fmt::format("chmod g-w,o-w {}", fmt::join(Paths(*key.shared_directories), " ")))});
}

}  // namespace pgtls::audit
