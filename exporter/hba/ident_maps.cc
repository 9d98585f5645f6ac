#include "exporter/hba/ident_maps.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace pgtls::hba {
namespace {

constexpr int kSeveralSince = 160000;
constexpr std::string_view kCaptured = "\\1";

bool IsRegex(std::string_view text) { return text.starts_with('/'); }

// "\1" is replaced where the user is a regular expression and the role is one name (check_ident_usermap in hba.c).
bool Substitutes(const IdentLine& line, int server_version) {
  return IsRegex(line.system_user) && !AdmitsAsSeveral(line, server_version) &&
         line.role.find(kCaptured) != std::string::npos;
}

// Whether some text in place of "\1" makes this name.
bool Fits(std::string_view name, std::string_view role) {
  const std::size_t at = role.find(kCaptured);
  const std::string_view before = role.substr(0, at);
  const std::string_view after = role.substr(at + kCaptured.size());
  return name.size() >= before.size() + after.size() && name.starts_with(before) && name.ends_with(after);
}

}  // namespace

std::set<std::string> MapsOf(const RuleSet& set) {
  std::set<std::string> maps;
  for (const Rule& rule : set.rules) {
    const auto map = rule.Option("map");
    if (map && !map->empty()) maps.emplace(*map);
  }
  return maps;
}

bool AdmitsAsSeveral(const IdentLine& line, int server_version) {
  return server_version >= kSeveralSince && (line.role == "all" || line.role.starts_with('+') || IsRegex(line.role));
}

bool AdmitsAnyUser(const IdentLine& line, int server_version) {
  return Substitutes(line, server_version) ? line.any_domain : line.any_user;
}

bool ReachesSuperuser(const IdentLine& line, int server_version, const Catalog& catalog) {
  if (AdmitsAsSeveral(line, server_version)) {
    if (IsRegex(line.role)) return line.superuser;
    if (line.role == "all") return true;
  }
  if (!catalog.privileged()) return false;
  return std::ranges::any_of(catalog.privileged()->roles, [&](const PrivilegedRole& role) {
    if (!role.superuser) return false;
    if (AdmitsAsSeveral(line, server_version)) return catalog.IsMember(role.name, line.role.substr(1));
    return Substitutes(line, server_version) ? Fits(role.name, line.role) : role.name == line.role;
  });
}

std::string LineText(const IdentLine& line) {
  return fmt::format("{}:{}: {} {} {}", line.file, line.line, line.map, line.system_user, line.role);
}

}  // namespace pgtls::hba
