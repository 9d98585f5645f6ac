#include "exporter/tls/same_library.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

namespace pgtls::tls {
namespace {

struct Mapped {
  std::string path;
  ino_t inode = 0;
};

// The first mapping of a libssl.
std::optional<Mapped> MappedLibrary(const std::string& process) {
  std::ifstream in("/proc/" + process + "/maps");
  for (std::string line; std::getline(in, line);) {
    if (line.find("/libssl.so") == std::string::npos) continue;
    std::istringstream words(line);
    std::string range, rights, offset, device;
    Mapped mapped;
    words >> range >> rights >> offset >> device >> mapped.inode >> mapped.path;
    return mapped;
  }
  return std::nullopt;
}

// OPENSSL_CONF of its environment; nullopt where that cannot be read.
std::optional<std::string> ConfigurationOf(const std::string& process) {
  std::ifstream in("/proc/" + process + "/environ", std::ios::binary);
  if (!in) return std::nullopt;
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  std::istringstream variables(all);
  constexpr std::string_view kName = "OPENSSL_CONF=";
  for (std::string variable; std::getline(variables, variable, '\0');) {
    if (variable.starts_with(kName)) return variable.substr(kName.size());
  }
  return "";
}

}  // namespace

bool UsesOurLibrary(pid_t pid) {
  if (pid <= 0) return false;
  const auto ours = MappedLibrary("self");
  const auto theirs = MappedLibrary(std::to_string(pid));
  struct stat on_disk{};
  // An upgrade leaves the old file mapped. The next start loads what is there now.
  const bool same = ours && theirs && ours->path == theirs->path && stat(ours->path.c_str(), &on_disk) == 0 &&
                    on_disk.st_ino == ours->inode;
  const auto configuration = ConfigurationOf(std::to_string(pid));
  return same && configuration && configuration == ConfigurationOf("self");
}

}  // namespace pgtls::tls
