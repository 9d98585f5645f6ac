// What the evaluation of rules needs from a server besides the rules: roles, memberships, databases, and which names
// its regular expressions match.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pgtls::hba {

// A role that may log in, and is a superuser or may replicate.
struct PrivilegedRole {
  std::string name;
  bool superuser = false;
  bool replication = false;
  std::vector<std::string> others;  // further attributes and privileges: "CREATEDB", "CREATE on 2 databases"
  friend bool operator==(const PrivilegedRole&, const PrivilegedRole&) = default;
};

inline constexpr std::size_t kMaxPrivilegedRoles = 100;

struct PrivilegedRoles {
  // Superusers first, then by name; those beyond kMaxPrivilegedRoles are only counted.
  std::vector<PrivilegedRole> roles;
  std::size_t count = 0;
  friend bool operator==(const PrivilegedRoles&, const PrivilegedRoles&) = default;
};
// Sorts, counts and cuts.
PrivilegedRoles PrivilegedRolesOf(std::vector<PrivilegedRole> roles);

// The roles of a cluster, their memberships, and its databases. Immutable, and small, because every monitored server
// has one.
class Catalog {
 public:
  // A row of pg_auth_members, whatever its options: pg_hba.conf checks membership, not privileges.
  struct Membership {
    std::string member;
    std::string group;
    friend auto operator<=>(const Membership&, const Membership&) = default;
  };

  Catalog() = default;
  // Each in any order. REQUIRES: the names in `memberships` are in `roles`.
  Catalog(std::vector<std::string> roles, std::vector<Membership> memberships, std::set<std::string> databases,
          std::optional<PrivilegedRoles> privileged = std::nullopt);

  bool RoleExists(const std::string& name) const;
  // A role is a member of itself. A superuser is not a member of every group (is_member_of_role_nosuper in acl.c).
  bool IsMember(const std::string& role, const std::string& group) const;
  // Returns all groups that `role` is in, directly or indirectly, including itself; empty if the role does not exist.
  std::set<std::string> GroupsOf(const std::string& role) const;
  const std::vector<std::string>& roles() const { return roles_; }  // sorted
  const std::set<std::string>& databases() const { return databases_; }
  // Absent: not known.
  const std::optional<PrivilegedRoles>& privileged() const { return privileged_; }

  friend bool operator==(const Catalog&, const Catalog&) = default;

 private:
  std::vector<std::string> roles_;       // sorted
  std::vector<Membership> memberships_;  // sorted
  std::set<std::string> databases_;
  std::optional<PrivilegedRoles> privileged_;
};

// Which names match which regular expressions. PostgreSQL has its own syntax, so the server evaluates them.
class RegexAnswers {
 public:
  // The server evaluated every pattern with every name.
  void AddPattern(const std::string& pattern) { matches_[pattern]; }
  void AddName(std::string name) { names_.insert(std::move(name)); }
  // The name matches the pattern.
  void AddMatch(const std::string& pattern, std::string name) { matches_[pattern].insert(std::move(name)); }

  // nullopt: the server did not evaluate this pair.
  std::optional<bool> Get(const std::string& pattern, const std::string& name) const;
  friend bool operator==(const RegexAnswers&, const RegexAnswers&) = default;

 private:
  std::map<std::string, std::set<std::string>> matches_;  // by pattern
  std::set<std::string> names_;
};

}  // namespace pgtls::hba
