#include "exporter/tls/same_library.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

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

// Device and inode; nullopt if not visible.
std::optional<std::pair<dev_t, ino_t>> FileOf(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return std::pair(status.st_dev, status.st_ino);
}

// OPENSSL_CONF of its environment; nullopt if it cannot be read.
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
  // An upgrade leaves the old file mapped, and the next start loads the new one. In a container the same path
  // leads to another file.
  const auto on_disk = ours ? FileOf(ours->path) : std::nullopt;
  const bool same = ours && theirs && ours->path == theirs->path && on_disk && on_disk->second == ours->inode &&
                    FileOf("/proc/" + std::to_string(pid) + "/root" + ours->path) == on_disk;
  const auto configuration = ConfigurationOf(std::to_string(pid));
  return same && configuration && configuration == ConfigurationOf("self");
}

}  // namespace pgtls::tls
