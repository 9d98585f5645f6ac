#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "exporter/hba/classes.h"

namespace pgtls::hba {
namespace {

using Kind = NameMatch::Kind;

// The entries of one field (database or user), inverted: the rules of each name, group or pattern.
struct FieldIndex {
  explicit FieldIndex(std::size_t rules) : all(rules), same_user(rules), same_role(rules), replication(rules) {}

  void Add(std::size_t rule, const std::vector<NameMatch>& matches, std::size_t rules) {
    for (const NameMatch& match : matches) {
      switch (match.kind) {
        case Kind::kAll:
          all.Set(rule);
          break;
        case Kind::kSameUser:
          same_user.Set(rule);
          break;
        case Kind::kSameRole:
          same_role.Set(rule);
          break;
        case Kind::kReplication:
          replication.Set(rule);
          break;
        case Kind::kGroup:
          groups.try_emplace(match.text, rules).first->second.Set(rule);
          break;
        case Kind::kRegex:
          patterns.try_emplace(match.text, rules).first->second.Set(rule);
          break;
        case Kind::kName:
          names.try_emplace(match.text, rules).first->second.Set(rule);
          break;
      }
    }
  }

  MatchBits all, same_user, same_role, replication;
  std::map<std::string, MatchBits> groups, patterns, names;
};

// The rules that `name` (absent: any other name) matches. `groups` are those that it is a member of.
MatchBits BitsOf(const FieldIndex& index, const std::optional<std::string>& name, const std::set<std::string>& groups,
                 const RegexAnswers& regexes) {
  MatchBits bits = index.all;
  if (name) {
    const auto literal = index.names.find(*name);
    if (literal != index.names.end()) bits |= literal->second;
  }
  for (const auto& [group, rules] : index.groups) {
    if (groups.contains(group)) bits |= rules;
  }
  for (const auto& [pattern, rules] : index.patterns) {
    const auto answer = name ? regexes.Get(pattern, *name) : std::nullopt;
    if (!answer) bits.possible |= rules.possible;
    if (answer.value_or(false)) bits |= rules;
  }
  return bits;
}

// Names that match the same rules. With `any_other`, they include all names that are neither in the cluster nor in the
// rules.
struct SideClass {
  MatchBits matches;
  std::vector<std::string> names;
  bool any_other = false;
};

class Side {
 public:
  void Add(const std::optional<std::string>& name, MatchBits matches) {
    const auto [at, is_new] = by_bits_.try_emplace(matches, classes_.size());
    if (is_new) classes_.push_back({std::move(matches), {}, false});
    SideClass& one = classes_[at->second];
    if (name) {
      one.names.push_back(*name);
      of_name_[*name] = at->second;
    } else {
      one.any_other = true;
      other_ = at->second;
    }
  }
  const std::vector<SideClass>& classes() const { return classes_; }
  bool Has(const std::string& name) const { return of_name_.contains(name); }
  // The class of a name; the class of any other name if it is not known.
  std::size_t Of(const std::string& name) const {
    const auto found = of_name_.find(name);
    return found == of_name_.end() ? other_ : found->second;
  }
  std::size_t other() const { return other_; }
  const std::map<std::string, std::size_t>& names() const { return of_name_; }

 private:
  std::map<MatchBits, std::size_t> by_bits_;
  std::vector<SideClass> classes_;
  std::map<std::string, std::size_t> of_name_;
  std::size_t other_ = 0;
};

// How a user and a database are related, for `sameuser` and `samerole`.
struct Relation {
  std::size_t user_class, database_class;
  bool same_user, same_role;
  auto operator<=>(const Relation&) const = default;
};
using Pair = std::pair<std::optional<std::string>, std::optional<std::string>>;

// Every related pair, by its classes and relation, with an example; and the number of related pairs for each pair of
// finite classes.
struct Relations {
  std::map<Relation, Pair> examples;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> counts;
};

Relations FindRelations(const Side& users, const Side& databases, const Catalog& catalog) {
  Relations relations;
  const auto add = [&](std::size_t user_class, const std::string& user, const std::string& database, bool same_role) {
    const std::size_t database_class = databases.Of(database);
    relations.examples.try_emplace({user_class, database_class, user == database, same_role}, Pair{user, database});
    if (users.Has(user) && databases.Has(database)) ++relations.counts[{user_class, database_class}];
  };
  for (const auto& [user, user_class] : users.names()) {
    const std::set<std::string> groups = catalog.GroupsOf(user);
    for (const std::string& group : groups) add(user_class, user, group, true);
    if (groups.empty()) add(user_class, user, user, false);
  }
  // A user with any other name, and the database of that name.
  for (const auto& [database, database_class] : databases.names()) {
    if (!users.Has(database)) add(users.other(), database, database, false);
  }
  relations.examples.try_emplace({users.other(), databases.other(), true, false}, Pair{});
  return relations;
}

// Returns a pair of the two classes that is not related; nullopt if all pairs are related.
std::optional<Pair> Unrelated(const SideClass& user, const SideClass& database, const Catalog& catalog,
                              std::size_t related) {
  if (user.any_other && database.any_other) return Pair{};
  if (user.any_other) return Pair{std::nullopt, database.names.front()};
  if (database.any_other) return Pair{user.names.front(), std::nullopt};
  if (related == user.names.size() * database.names.size()) return std::nullopt;
  for (const std::string& u : user.names) {
    const std::set<std::string> groups = catalog.GroupsOf(u);
    for (const std::string& d : database.names) {
      if (u != d && !groups.contains(d)) return Pair{u, d};
    }
  }
  return std::nullopt;
}

Side SideOf(const FieldIndex& index, std::set<std::string> names, const Catalog* memberships,
            const RegexAnswers& regexes) {
  for (const auto& [name, bits] : index.names) names.insert(name);
  Side side;
  for (const std::string& name : names) {
    const auto groups = memberships != nullptr ? memberships->GroupsOf(name) : std::set<std::string>{};
    side.Add(name, BitsOf(index, name, groups, regexes));
  }
  side.Add(std::nullopt, BitsOf(index, std::nullopt, {}, regexes));
  return side;
}

// The user and database fields of all rules.
struct Fields {
  explicit Fields(const RuleSet& set) : users(set.rules.size()), databases(set.rules.size()) {
    for (std::size_t i = 0; i < set.rules.size(); ++i) {
      users.Add(i, set.rules[i].users, set.rules.size());
      databases.Add(i, set.rules[i].databases, set.rules.size());
    }
  }
  FieldIndex users, databases;
};

// Each class once, with its first example.
class Classes {
 public:
  void Add(MatchBits bits, const MatchBits& user_bits, const Pair& pair, bool replication) {
    bits &= user_bits;
    classes_.try_emplace(bits, NameClass{pair.first, pair.second, replication, bits});
  }
  std::vector<NameClass> Take() {
    std::vector<NameClass> result;
    result.reserve(classes_.size());
    for (auto& [bits, one] : classes_) result.push_back(std::move(one));
    return result;
  }

 private:
  std::map<MatchBits, NameClass> classes_;
};

std::vector<NameClass> ClassesOfUser(const std::string& user, const Fields& fields, const Side& databases,
                                     const Catalog& catalog, const RegexAnswers& regexes) {
  const std::set<std::string> groups = catalog.GroupsOf(user);
  const MatchBits user_bits = BitsOf(fields.users, user, groups, regexes);
  Classes classes;
  classes.Add(fields.databases.replication, user_bits, {user, std::nullopt}, true);
  for (const SideClass& database : databases.classes()) {
    const auto unrelated = std::ranges::find_if(
        database.names, [&](const std::string& name) { return name != user && !groups.contains(name); });
    if (unrelated != database.names.end()) {
      classes.Add(database.matches, user_bits, {user, *unrelated}, false);
    } else if (database.any_other) {
      classes.Add(database.matches, user_bits, {user, std::nullopt}, false);
    }
  }
  const auto add_related = [&](const std::string& database, bool same_role) {
    MatchBits bits = databases.classes()[databases.Of(database)].matches;
    if (database == user) bits |= fields.databases.same_user;
    if (same_role) bits |= fields.databases.same_role;
    classes.Add(std::move(bits), user_bits, {user, database}, false);
  };
  for (const std::string& group : groups) add_related(group, true);
  if (groups.empty()) add_related(user, false);
  return classes.Take();
}

}  // namespace

std::vector<std::vector<NameClass>> NameClassesOf(const std::vector<std::string>& users, const RuleSet& set,
                                                  const Catalog& catalog, const RegexAnswers& regexes) {
  const Fields fields(set);
  const Side databases = SideOf(fields.databases, catalog.databases(), nullptr, regexes);
  std::vector<std::vector<NameClass>> result;
  result.reserve(users.size());
  for (const std::string& user : users) result.push_back(ClassesOfUser(user, fields, databases, catalog, regexes));
  return result;
}

std::optional<std::vector<NameClass>> NameClasses(const RuleSet& set, const Catalog& catalog,
                                                  const RegexAnswers& regexes, std::size_t max_pairs) {
  const Fields fields(set);
  std::set<std::string> roles(catalog.roles().begin(), catalog.roles().end());
  const Side users = SideOf(fields.users, std::move(roles), &catalog, regexes);
  const Side databases = SideOf(fields.databases, catalog.databases(), nullptr, regexes);
  if (users.classes().size() * (databases.classes().size() + 1) > max_pairs) return std::nullopt;

  Classes classes;
  const auto add = [&](std::size_t user_class, MatchBits bits, const Pair& pair, bool replication) {
    classes.Add(std::move(bits), users.classes()[user_class].matches, pair, replication);
  };
  const Relations relations = FindRelations(users, databases, catalog);
  for (std::size_t u = 0; u < users.classes().size(); ++u) {
    const SideClass& user = users.classes()[u];
    add(u, fields.databases.replication, {user.any_other ? std::nullopt : std::optional(user.names.front()), {}}, true);
    for (std::size_t d = 0; d < databases.classes().size(); ++d) {
      const SideClass& database = databases.classes()[d];
      const auto related = relations.counts.find({u, d});
      const auto pair = Unrelated(user, database, catalog, related == relations.counts.end() ? 0 : related->second);
      if (pair) add(u, database.matches, *pair, false);
    }
  }
  for (const auto& [relation, example] : relations.examples) {
    MatchBits bits = databases.classes()[relation.database_class].matches;
    if (relation.same_user) bits |= fields.databases.same_user;
    if (relation.same_role) bits |= fields.databases.same_role;
    add(relation.user_class, std::move(bits), example, false);
  }
  return classes.Take();
}

}  // namespace pgtls::hba
