// The rules of pg_hba.conf as values: from the rows of pg_hba_file_rules and each line's raw first fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/net_address.h"
#include "exporter/hba/token.h"

namespace pgtls::hba {

// One row of pg_hba_file_rules, in the order of the view. Names are bytes in the server's encoding.
struct FileRow {
  std::string file;
  int line = 0;                     // where the line begins, from 1
  std::optional<int> rule_number;   // 16+; absent for a row with an error
  std::optional<std::string> type;  // absent: PostgreSQL cannot parse the line, and refuses the file
  std::vector<std::string> databases;
  std::vector<std::string> users;
  std::optional<std::string> address;
  std::optional<std::string> netmask;
  std::optional<std::string> method;
  std::string client_cert;           // the option clientcert, or empty
  std::vector<std::string> options;  // "map=x"; none with a secret
  std::optional<std::string> error;
  std::optional<std::string> raw;  // type, database, user and address as written in the line; absent if not readable
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
  // kOdd: an address that the server could not print.
  enum class Kind { kAll, kSameHost, kSameNet, kHostName, kMask, kOdd };
  Kind kind = Kind::kAll;
  IpAddress network;  // kMask: compared bit by bit where `mask` has ones; a mask need not be a prefix
  IpAddress mask;
  std::string host;  // kHostName; ".suffix" matches every name with this suffix
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
  std::vector<std::string> options;  // "map=x", "clientcert=verify-full"; none with a secret
  // Whether a word ("all", "+x" …) was taken for a keyword although the file may have it in quotes: the text of the
  // line was not readable.
  bool assumed = false;

  bool rejects() const { return method == "reject"; }
  // The value of an option; nullopt if the rule does not have it.
  std::optional<std::string_view> Option(std::string_view name) const;
  friend bool operator==(const Rule&, const Rule&) = default;
};

struct RuleError {
  std::string file;
  int line = 0;         // 0: the file as a whole
  std::string message;  // the server's text, possibly translated; never empty
  friend bool operator==(const RuleError&, const RuleError&) = default;
};

// A file with the files that it includes. With one error, or without any rule, PostgreSQL refuses all of it.
struct RuleSet {
  std::vector<Rule> rules;        // in the order of the search
  std::vector<RuleError> errors;  // why PostgreSQL refuses the file: its lines, or that it has none or cannot be read
  // Whether a reload and the next start accept the file.
  bool loadable() const { return errors.empty() && !rules.empty(); }
  bool assumed() const;
  friend bool operator==(const RuleSet&, const RuleSet&) = default;
};

// `server_version` as PQserverVersion(): regular expressions exist since 16. A row with a type and an error ("hostssl …
// SSL is disabled") is a rule, because the server loads it. No row at all is an error: PostgreSQL refuses a file
// without entries.
RuleSet ParseRules(const std::vector<FileRow>& rows, int server_version, const std::string& file = "pg_hba.conf");
// The rules of a file that the server cannot read.
RuleSet UnreadableRules(const std::string& file, const std::string& message);

// The parts of a rule as they are written in pg_hba.conf, for people: "all", "\"all\"", "+ops,/^x". The only option is
// clientcert, so there is no secret.
std::string DatabaseText(const Rule& rule);
std::string UserText(const Rule& rule);
std::string AddressText(const Rule& rule);  // empty for kLocal; a prefix mask as CIDR
std::string RuleText(const Rule& rule);
// Which name of a client certificate the rule compares with the user, for people; empty if it compares none.
std::string CertificateNameText(const Rule& rule);
// "file:line: message".
std::string ErrorText(const RuleError& error);

// Returns the number of leading ones if the mask is a prefix.
std::optional<int> PrefixLength(const IpAddress& mask);

}  // namespace pgtls::hba
