// The rules of pg_hba.conf as values: from the rows of pg_hba_file_rules and each line's raw first fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/hba/token.h"

namespace pgtls::hba {

// One row of pg_hba_file_rules, in the view's own order. Names are the server's bytes.
struct FileRow {
  std::string file;
  int line = 0;                     // of the line's start, from 1
  std::optional<int> rule_number;   // 16+; absent for a row with an error
  std::optional<std::string> type;  // absent: PostgreSQL cannot read the line, and refuses the file
  std::vector<std::string> databases;
  std::vector<std::string> users;
  std::optional<std::string> address;
  std::optional<std::string> netmask;
  std::optional<std::string> method;
  std::string client_cert;           // the option clientcert, or empty
  std::vector<std::string> options;  // "map=x"; none that holds a secret
  std::optional<std::string> error;
  std::optional<std::string> raw;  // type, database, user, address of the line's text; absent where it cannot be had
};

enum class RuleType { kLocal, kHost, kHostSsl, kHostNoSsl, kHostGssEnc, kHostNoGssEnc };
std::string_view ToString(RuleType type);

// An entry of the database or user field.
struct NameMatch {
  enum class Kind { kAll, kSameUser, kSameRole, kReplication, kGroup, kRegex, kName };
  Kind kind;
  std::string text;  // the group without "+", the pattern without "/", the name; else empty
  bool quoted = false;
  friend bool operator==(const NameMatch&, const NameMatch&) = default;
};

struct AddressMatch {
  // kOdd: a text that the server itself could not print.
  enum class Kind { kAll, kSameHost, kSameNet, kHostName, kMask, kOdd };
  Kind kind = Kind::kAll;
  IpAddress network;  // kMask: compared bit by bit where `mask` has ones; a mask need not be a prefix
  IpAddress mask;
  std::string host;  // kHostName; ".suffix" stands for every name that ends so
  bool quoted = false;
  friend bool operator==(const AddressMatch&, const AddressMatch&) = default;
};

enum class ClientCert { kOff, kVerifyCa, kVerifyFull };

struct Rule {
  std::string file;
  int line = 0;
  RuleType type = RuleType::kLocal;
  std::vector<NameMatch> databases;
  std::vector<NameMatch> users;
  AddressMatch address;  // not for kLocal
  std::string method;
  ClientCert client_cert = ClientCert::kOff;
  std::vector<std::string> options;  // "map=x", "clientcert=verify-full"; none that holds a secret
  // Some word of it ("all", "+x" …) reads as a keyword here though the file may have it in quotes: nobody could look.
  bool assumed = false;

  bool rejects() const { return method == "reject"; }
  // The value of an option; nullopt if the rule does not have it.
  std::optional<std::string_view> Option(std::string_view name) const;
  friend bool operator==(const Rule&, const Rule&) = default;
};

struct RuleError {
  std::string file;
  int line = 0;         // 0: the file as a whole
  std::string message;  // the server's text, perhaps in its language; never empty
  friend bool operator==(const RuleError&, const RuleError&) = default;
};

// A file with its included ones. PostgreSQL takes it whole or, with one error or without any rule, refuses it whole.
struct RuleSet {
  std::vector<Rule> rules;        // in the order of the search
  std::vector<RuleError> errors;  // why PostgreSQL refuses the file: its lines, or that it has none or cannot be read
  // A reload and the next start take the file.
  bool loadable() const { return errors.empty() && !rules.empty(); }
  bool assumed() const;
  friend bool operator==(const RuleSet&, const RuleSet&) = default;
};

// `server_version` as PQserverVersion: 16 brought regular expressions. A row with a type and an error ("hostssl … SSL
// is disabled") is a rule: the server loads it. No row at all is an error: PostgreSQL refuses `file` without entries.
RuleSet ParseRules(const std::vector<FileRow>& rows, int server_version, const std::string& file = "pg_hba.conf");
// A file that the server itself cannot read.
RuleSet UnreadableRules(const std::string& file, const std::string& message);

// The parts of a rule as pg_hba.conf writes them, for people: "all", "\"all\"", "+ops,/^x". No option but clientcert,
// no secret.
std::string DatabaseText(const Rule& rule);
std::string UserText(const Rule& rule);
std::string AddressText(const Rule& rule);  // empty for kLocal; a prefix mask as CIDR
std::string RuleText(const Rule& rule);
// Which name of a client certificate the rule compares with the user, for people; empty if it compares none.
std::string CertificateNameText(const Rule& rule);
// "file:line: message".
std::string ErrorText(const RuleError& error);

// The number of leading ones where the mask is a prefix.
std::optional<int> PrefixLength(const IpAddress& mask);

}  // namespace pgtls::hba
