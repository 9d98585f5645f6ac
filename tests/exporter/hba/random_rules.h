// Random rules and connections over a small world, in which every kind of entry occurs often. The hermetic comparisons
// and those with real servers draw from it.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::hba {

class RandomRules {
 public:
  // `server_version` as PQserverVersion.
  RandomRules(std::uint64_t seed, int server_version) : random_(seed), version_(server_version) {}

  // "host all erp 127.0.0.0/8 trust": a line that PostgreSQL accepts.
  std::string Line();
  std::vector<std::string> Lines(std::size_t count);

  std::string User() { return Pick(kUsers); }
  std::string Database() { return Pick(kDatabases); }
  std::string Address() { return Pick(kAddresses); }
  bool Chance(int percent) { return static_cast<int>(random_() % 100) < percent; }

  // Roles of the world, with their groups; "ghost" is no role and "void" no database.
  static constexpr std::string_view kUsers[] = {"erp",         "anna", "bob",  "ops",   "all",
                                                "replication", "+ops", "/erp", "ghost", "a b"};
  static constexpr std::string_view kDatabases[] = {"erp",      "ops",  "all",  "sameuser", "replication",
                                                    "postgres", "/erp", "void", "a b"};
  // In which a mask or a range makes a difference.
  static constexpr std::string_view kAddresses[] = {"127.0.0.1", "127.0.0.2", "127.0.1.1", "127.0.1.2",
                                                    "127.3.0.1", "127.3.1.2", "127.9.9.9", "::1"};

 private:
  template <typename List>
  std::string Pick(const List& list) {
    return std::string(list[random_() % std::size(list)]);
  }
  std::string List(const std::vector<std::string>& entries);
  std::string AddressField();

  std::mt19937_64 random_;
  int version_;
};

inline std::string RandomRules::List(const std::vector<std::string>& entries) {
  std::string list = Pick(entries);
  while (Chance(30)) list += (Chance(20) ? ", " : ",") + Pick(entries);
  return list;
}

inline std::string RandomRules::AddressField() {
  static const std::vector<std::string> kCertain = {"all",
                                                    "0.0.0.0/0",
                                                    "127.0.0.0/8",
                                                    "127.0.0.0/24",
                                                    "127.0.1.2/32",
                                                    "127.0.0.1 255.255.0.255",
                                                    "127.3.7.7/16",
                                                    "127.0.1.0 255.255.255.0",
                                                    "::/0",
                                                    "::1/128",
                                                    "0.0.0.1 0.0.0.255",
                                                    "127.0.0.2/31",
                                                    "10.0.0.0/8",
                                                    "fe80::/10"};
  static const std::vector<std::string> kUndecided = {
      "samehost", "samenet", "localhost", "db.example.invalid", ".example.invalid", "\"all\"", "\"samehost\""};
  return Chance(92) ? Pick(kCertain) : Pick(kUndecided);
}

inline std::string RandomRules::Line() {
  static const std::vector<std::string> kTypes = {"host",         "host",       "hostssl", "hostnossl",
                                                  "hostnogssenc", "hostgssenc", "local"};
  std::vector<std::string> databases = {
      "all", "all",      "all",     "sameuser",     "samerole",        "samegroup", "replication", "erp",
      "ops", "postgres", "\"all\"", "\"sameuser\"", "\"replication\"", "void",      "\"a b\"",     "al\"l\""};
  std::vector<std::string> users = {"all",      "all",     "all",         "+ops",     "+staff", "+nobody",
                                    "\"+ops\"", "\"all\"", "erp",         "anna",     "bob",    "ops",
                                    "ghost",    "\"a b\"", "replication", "+\"ops\"", "\"\"all"};
  for (auto* list : {&databases, &users}) {
    // Names until 15, regular expressions since.
    list->insert(list->end(), {"/erp", "\"/erp\""});
    if (version_ >= 160000)
      list->insert(list->end(), {"/^(erp|ops)$", "\"/^a\"", "/b$", "\"/^a b$\"", "/.", "/(?i)ERP", "/^\\w+$"});
  }
  static const std::vector<std::string> kMethods = {"trust", "md5", "scram-sha-256", "password", "reject", "reject"};
  const std::string type = Pick(kTypes);
  std::string line = type + (Chance(10) ? "\t" : " ") + List(databases) + " " + List(users) + " ";
  if (type != "local") line += AddressField() + " ";
  const bool cert = type == "hostssl" && Chance(10);
  line += cert ? "cert" : Pick(kMethods);
  // The server refuses it beside cert.
  if (type == "hostssl" && !cert && Chance(15)) line += " clientcert=verify-ca";
  if (Chance(10)) line += " # reject";
  return line;
}

inline std::vector<std::string> RandomRules::Lines(std::size_t count) {
  std::vector<std::string> lines;
  lines.reserve(count);
  for (std::size_t i = 0; i < count; ++i) lines.push_back(Line());
  // A rule that may match before one that takes all: which of them decides, and whether one admits, are two questions.
  if (count > 1 && Chance(20)) {
    static const std::vector<std::string> kMay = {"samenet", "db.example.invalid", ".example.invalid", "localhost"};
    lines.front() = "host all all " + Pick(kMay) + (Chance(50) ? " md5" : " reject");
    lines.back() =
        std::string("host all all ") + (Chance(50) ? "all" : "127.0.0.0/8") + (Chance(50) ? " md5" : " reject");
  }
  return lines;
}

}  // namespace pgtls::hba
