// What the evaluation of rules needs to know of a server beside its rules: roles, memberships, databases, and the
// answers of the server's own regular expressions.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pgtls::hba {

// The roles of a cluster, their memberships and its databases. Immutable, and small: every watched server has one.
class Catalog {
 public:
  // pg_auth_members, whatever its options: pg_hba asks for membership, not for privileges.
  struct Membership {
    std::string member;
    std::string group;
    friend auto operator<=>(const Membership&, const Membership&) = default;
  };

  Catalog() = default;
  // Each in any order. Who is in `memberships` is a role.
  Catalog(std::vector<std::string> roles, std::vector<Membership> memberships, std::set<std::string> databases);

  bool RoleExists(const std::string& name) const;
  // A role is a member of itself. A superuser is a member of nothing by that alone (is_member_of_role_nosuper in
  // acl.c).
  bool IsMember(const std::string& role, const std::string& group) const;
  // All groups that `role` is in, directly or not, itself among them; empty where there is no such role.
  std::set<std::string> GroupsOf(const std::string& role) const;
  const std::vector<std::string>& roles() const { return roles_; }  // sorted
  const std::set<std::string>& databases() const { return databases_; }

  friend bool operator==(const Catalog&, const Catalog&) = default;

 private:
  std::vector<std::string> roles_;       // sorted
  std::vector<Membership> memberships_;  // sorted
  std::set<std::string> databases_;
};

// Does a name match a regular expression? PostgreSQL's flavour is its own, so the server answers.
class RegexAnswers {
 public:
  // The server was asked about every one of these patterns with every one of these names.
  void AddPattern(const std::string& pattern) { matches_[pattern]; }
  void AddName(std::string name) { names_.insert(std::move(name)); }
  // And said yes to this pair.
  void AddMatch(const std::string& pattern, std::string name) { matches_[pattern].insert(std::move(name)); }

  // nullopt: the server was not asked.
  std::optional<bool> Get(const std::string& pattern, const std::string& name) const;
  friend bool operator==(const RegexAnswers&, const RegexAnswers&) = default;

 private:
  std::map<std::string, std::set<std::string>> matches_;  // by pattern
  std::set<std::string> names_;
};

}  // namespace pgtls::hba
