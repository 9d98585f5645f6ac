#include "tests/support/psql.h"

#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace pgtls::support {

std::string Psql() {
  constexpr const char* kVersions = "/usr/lib/postgresql";
  std::string newest;
  std::error_code absent;
  for (const auto& version : std::filesystem::directory_iterator(kVersions, absent)) {
    const std::string psql = version.path() / "bin/psql";
    if (std::filesystem::exists(psql) && newest < psql) newest = psql;
  }
  if (newest.empty()) throw std::runtime_error(std::string("no psql below ") + kVersions);
  return newest;
}

}  // namespace pgtls::support
