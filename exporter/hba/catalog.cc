#include "exporter/hba/catalog.h"

#include <algorithm>

namespace pgtls::hba {
namespace {

template <typename T>
void Tidy(std::vector<T>& values) {
  std::ranges::sort(values);
  const auto repeated = std::ranges::unique(values);
  values.erase(repeated.begin(), repeated.end());
  values.shrink_to_fit();
}

}  // namespace

PrivilegedRoles PrivilegedRolesOf(std::vector<PrivilegedRole> roles) {
  std::ranges::sort(roles, {}, [](const PrivilegedRole& role) { return std::pair(!role.superuser, role.name); });
  const std::size_t count = roles.size();
  roles.resize(std::min(count, kMaxPrivilegedRoles));
  return {std::move(roles), count};
}

Catalog::Catalog(std::vector<std::string> roles, std::vector<Membership> memberships, std::set<std::string> databases,
                 std::optional<PrivilegedRoles> privileged)
    : roles_(std::move(roles)),
      memberships_(std::move(memberships)),
      databases_(std::move(databases)),
      privileged_(std::move(privileged)) {
  for (const auto& [member, group] : memberships_) roles_.insert(roles_.end(), {member, group});
  Tidy(roles_);
  Tidy(memberships_);
}

bool Catalog::RoleExists(const std::string& name) const { return std::ranges::binary_search(roles_, name); }

std::set<std::string> Catalog::GroupsOf(const std::string& role) const {
  std::set<std::string> found;
  if (!RoleExists(role)) return found;
  std::vector<std::string> pending = {role};
  while (!pending.empty()) {
    const std::string next = std::move(pending.back());
    pending.pop_back();
    const bool is_new = found.insert(next).second;
    if (!is_new) continue;
    for (const auto& [_, group] : std::ranges::equal_range(memberships_, next, {}, &Membership::member)) {
      pending.push_back(group);
    }
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
