#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"
#include "exporter/hba/ident_maps.h"

namespace pgtls::audit {
namespace {

using hba::IdentLine;
using hba::IdentMaps;
using hba::Posture;
using hba::Rule;

constexpr const char* kReload = "Then SELECT pg_reload_conf();";

// The rules that name a map and admit somebody, by the map.
using Uses = std::map<std::string, std::vector<const Rule*>, std::less<>>;

Uses UsesOf(const Posture& posture) {
  Uses uses;
  for (const Rule* rule : ReachableRules(posture)) {
    const auto map = rule->Option("map");
    if (!map || map->empty() || rule->rejects() || AdmitsNobody(*rule, posture.abilities)) continue;
    uses[std::string(*map)].push_back(rule);
  }
  return uses;
}

void AddUses(const std::vector<const Rule*>& rules, std::vector<std::string>& lines) {
  for (const Rule* rule : rules) lines.push_back("  used by " + RuleLine(*rule));
}

void AddErrors(const IdentMaps& maps, Findings& findings) {
  if (maps.errors.empty()) return;
  std::vector<std::string> lines;
  for (const auto& error : maps.errors) lines.push_back(Printable(ErrorText(error)));
  findings.push_back({Severity::kWarning, "ident_errors", "PostgreSQL refuses pg_ident.conf", std::move(lines),
                      "The server keeps the previous maps. After its next start it has none, and the rules that name a "
                      "map admit nobody.",
                      std::string("Correct these lines. ") + kReload});
}

void AddMissing(const IdentMaps& maps, const Uses& uses, Findings& findings) {
  if (!maps.errors.empty()) return;
  std::vector<std::string> lines;
  for (const auto& [map, rules] : uses) {
    if (std::ranges::find(maps.lines, map, &IdentLine::map) != maps.lines.end()) continue;
    lines.push_back(Printable("map " + map));
    AddUses(rules, lines);
  }
  if (lines.empty()) return;
  findings.push_back({Severity::kWarning, "ident_map_missing", "A rule of pg_hba.conf names a map that does not exist",
                      std::move(lines), "The rule admits nobody: no user of the system is mapped to a role.",
                      std::string("Add lines for this map to pg_ident.conf, or correct map= in the rule. ") + kReload});
}

void AddLines(const Posture& posture, const IdentMaps& maps, const Uses& uses, Findings& findings) {
  std::vector<std::string> anyone, several;
  bool any_superuser = false;
  for (const IdentLine& line : maps.lines) {
    const auto used = uses.find(line.map);
    if (used == uses.end()) continue;
    const bool superuser = ReachesSuperuser(line, maps.server_version, posture.catalog);
    const bool any_user = AdmitsAnyUser(line, maps.server_version);
    if (!any_user && !(superuser && AdmitsAsSeveral(line, maps.server_version))) continue;
    std::vector<std::string>& lines = any_user ? anyone : several;
    lines.push_back(Printable(LineText(line)));
    if (superuser) lines.emplace_back("  admits as a superuser");
    AddUses(used->second, lines);
    any_superuser = any_superuser || (any_user && superuser);
  }
  if (!anyone.empty()) {
    findings.push_back({any_superuser ? Severity::kCritical : Severity::kWarning, "ident_map_any_user",
                        "A map of pg_ident.conf lets any user log in as another role", std::move(anyone),
                        "Whoever the rule authenticates gets the privileges of that role, whatever the user's own name "
                        "or domain is.",
                        std::string("Name the users in these lines, or restrict the regular expression to them "
                                    "(/^(.*)@EXAMPLE\\.COM$ for one domain). ") +
                            kReload});
  }
  if (!several.empty()) {
    findings.push_back({Severity::kNote, "ident_map_superuser",
                        "A map of pg_ident.conf admits as superusers that it does not name", std::move(several),
                        "all, a group or a regular expression includes superusers, and those that are created later.",
                        std::string("Name the roles in these lines, or a group without superusers. ") + kReload});
  }
}

}  // namespace

void AddIdentMaps(const Evidence& evidence, Findings& findings) {
  if (!evidence.hba || !evidence.hba->maps) return;
  const Uses uses = UsesOf(*evidence.hba);
  if (uses.empty()) return;
  const IdentMaps& maps = *evidence.hba->maps;
  AddErrors(maps, findings);
  AddMissing(maps, uses, findings);
  AddLines(*evidence.hba, maps, uses, findings);
}

}  // namespace pgtls::audit
