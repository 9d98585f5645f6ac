#include "exporter/hba/catalog.h"

#include <vector>

namespace pgtls::hba {

void Catalog::AddMembership(const std::string& member, const std::string& group) {
  groups_[member].insert(group);
  groups_[group];
}

std::set<std::string> Catalog::GroupsOf(const std::string& role) const {
  std::set<std::string> found;
  if (!RoleExists(role)) return found;
  std::vector<std::string> pending = {role};
  while (!pending.empty()) {
    const std::string next = std::move(pending.back());
    pending.pop_back();
    const auto [at, is_new] = found.insert(next);
    if (!is_new) continue;
    const auto direct = groups_.find(*at);
    if (direct != groups_.end()) pending.insert(pending.end(), direct->second.begin(), direct->second.end());
  }
  return found;
}

bool Catalog::IsMember(const std::string& role, const std::string& group) const {
  return GroupsOf(role).contains(group);
}

std::optional<bool> RegexAnswers::Get(const std::string& pattern, const std::string& name) const {
  const auto found = matches_.find(pattern);
  if (found == matches_.end() || !names_.contains(name)) return std::nullopt;
  return found->second.contains(name);
}

}  // namespace pgtls::hba
