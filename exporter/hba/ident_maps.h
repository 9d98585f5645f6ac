// The maps of pg_ident.conf: which user of another system may log in as which role. Rules name them (map=).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "exporter/hba/catalog.h"
#include "exporter/hba/rules.h"

namespace pgtls::hba {

struct IdentLine {
  std::string file;
  int line = 0;
  std::string map;
  std::string system_user;  // a regular expression after a slash, or a name
  std::string role;         // as in the file, but without its quotes
  // What the server's evaluation of the regular expressions found.
  bool any_user = false;    // system_user matches names that nobody has chosen
  bool any_domain = false;  // "\1" is the name before the @, whatever follows it
  bool superuser = false;   // the regular expression in `role` matches a superuser
  friend bool operator==(const IdentLine&, const IdentLine&) = default;
};

struct IdentMaps {
  int server_version = 0;  // as PQserverVersion(): "all", groups and regular expressions as roles exist since 16
  std::vector<IdentLine> lines;
  std::vector<RuleError> errors;  // with one, PostgreSQL refuses the file
  bool in_force = false;          // whether the server has certainly loaded these lines
  friend bool operator==(const IdentMaps&, const IdentMaps&) = default;
};

// Those that rules of `set` name.
std::set<std::string> MapsOf(const RuleSet& set);

// Whether the line admits users whom it does not restrict: a fixed role for any user, or the role of that name for
// users of any domain. "\1" for the whole name is no such line: without a map it would be the same.
bool AdmitsAnyUser(const IdentLine& line, int server_version);
// Whether the role is a group, a regular expression or all: several roles, and those of the future.
bool AdmitsAsSeveral(const IdentLine& line, int server_version);
// Whether somebody can log in as a superuser by this line. A name in quotes counts as a keyword: the view has no
// quotes.
bool ReachesSuperuser(const IdentLine& line, int server_version, const Catalog& catalog);

// "file:line: map system-user role".
std::string LineText(const IdentLine& line);

}  // namespace pgtls::hba
