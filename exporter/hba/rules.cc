#include "exporter/hba/rules.h"

#include <algorithm>
#include <utility>

namespace pgtls::hba {
namespace {

constexpr int kRegexSince = 160000;

enum class Quotes { kNone, kPresent, kUnknown };

RuleType TypeOf(std::string_view text) {
  if (text == "local") return RuleType::kLocal;
  if (text == "hostssl") return RuleType::kHostSsl;
  if (text == "hostnossl") return RuleType::kHostNoSsl;
  if (text == "hostgssenc") return RuleType::kHostGssEnc;
  if (text == "hostnogssenc") return RuleType::kHostNoGssEnc;
  return RuleType::kHost;
}

// Which words of the view are quoted in the file. The text of the line is used only if it has the words that the view
// shows: the file may have changed between the two reads. Words of included files ("@file") are between those of the
// line, and their quotes are unknown.
std::vector<Quotes> QuotesOf(const std::vector<std::string>& words, const Field* field) {
  std::vector<Quotes> unknown(words.size(), Quotes::kUnknown);
  if (field == nullptr) return unknown;
  const auto is_file = [](const Token& token) { return token.is_file; };
  const auto head = static_cast<std::size_t>(std::find_if(field->begin(), field->end(), is_file) - field->begin());
  const auto tail = static_cast<std::size_t>(std::find_if(field->rbegin(), field->rend(), is_file) - field->rbegin());
  const bool has_file = head < field->size();
  if (has_file ? words.size() < head + tail : words.size() != field->size()) return unknown;

  std::vector<Quotes> quotes = unknown;
  const auto matches = [&](std::size_t word, const Token& token) {
    quotes[word] = token.quoted ? Quotes::kPresent : Quotes::kNone;
    return words[word] == token.text;
  };
  for (std::size_t i = 0; i < head; ++i) {
    if (!matches(i, (*field)[i])) return unknown;
  }
  for (std::size_t i = 1; has_file && i <= tail; ++i) {
    if (!matches(words.size() - i, (*field)[field->size() - i])) return unknown;
  }
  return quotes;
}

struct Parsed {
  NameMatch match;
  bool keyword;  // would be a name if it were quoted
};

Parsed Keyword(NameMatch::Kind kind, std::string text = {}) { return {{kind, std::move(text), false}, true}; }

// check_role and check_db of hba.c: a quoted word is neither a keyword nor a group, but may be a regular expression.
Parsed ParseName(const std::string& word, Quotes quotes, bool is_database, int server_version) {
  using Kind = NameMatch::Kind;
  if (quotes != Quotes::kPresent) {
    if (word == "all") return Keyword(Kind::kAll);
    if (is_database) {
      if (word == "sameuser") return Keyword(Kind::kSameUser);
      if (word == "samerole" || word == "samegroup") return Keyword(Kind::kSameRole);
      if (word == "replication") return Keyword(Kind::kReplication);
    } else if (word.starts_with('+')) {
      return Keyword(Kind::kGroup, word.substr(1));
    }
  }
  const bool quoted = quotes == Quotes::kPresent;
  if (server_version >= kRegexSince && word.starts_with('/')) return {{Kind::kRegex, word.substr(1), quoted}, false};
  return {{Kind::kName, word, quoted}, false};
}

std::vector<NameMatch> ParseNames(const std::vector<std::string>& words, const Field* field, bool is_database,
                                  int server_version, bool& assumed) {
  const std::vector<Quotes> quotes = QuotesOf(words, field);
  std::vector<NameMatch> matches;
  matches.reserve(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    Parsed parsed = ParseName(words[i], quotes[i], is_database, server_version);
    assumed = assumed || (parsed.keyword && quotes[i] == Quotes::kUnknown);
    matches.push_back(std::move(parsed.match));
  }
  return matches;
}

AddressMatch ParseAddress(const FileRow& row, const Field* field, bool& assumed) {
  using Kind = AddressMatch::Kind;
  const std::string text = row.address.value_or("");
  if (row.netmask) {
    const auto network = IpAddress::Parse(text);
    const auto mask = IpAddress::Parse(*row.netmask);
    if (!network || !mask || network->is_v4() != mask->is_v4()) return {.kind = Kind::kOdd, .host = text};
    return {.kind = Kind::kMask, .network = *network, .mask = *mask};
  }
  const Quotes quotes = QuotesOf({text}, field).front();
  AddressMatch match{.kind = Kind::kHostName, .host = text, .quoted = quotes == Quotes::kPresent};
  if (quotes == Quotes::kPresent) return match;
  if (text == "all") match = {.kind = Kind::kAll};
  if (text == "samehost") match = {.kind = Kind::kSameHost};
  if (text == "samenet") match = {.kind = Kind::kSameNet};
  assumed = assumed || (match.kind != Kind::kHostName && quotes == Quotes::kUnknown);
  return match;
}

ClientCert ClientCertOf(const FileRow& row) {
  if (row.client_cert == "verify-full" || row.method == "cert") return ClientCert::kVerifyFull;
  return row.client_cert == "verify-ca" ? ClientCert::kVerifyCa : ClientCert::kOff;
}

// Messages of hba.c about lines that it loads. If the line is refused, such a message is not the reason.
bool IsRemark(std::string_view message) {
  return message.find(" record cannot match because ") != std::string_view::npos;
}

std::string ErrorMessage(const FileRow& row) {
  const std::string message = row.error.value_or("");
  if (!message.empty() && !IsRemark(message)) return message;
  return "PostgreSQL refuses this line; why is in the server's log only (reload, then read it)";
}

std::string NameText(const NameMatch& match) {
  using Kind = NameMatch::Kind;
  switch (match.kind) {
    case Kind::kAll:
      return "all";
    case Kind::kSameUser:
      return "sameuser";
    case Kind::kSameRole:
      return "samerole";
    case Kind::kReplication:
      return "replication";
    case Kind::kGroup:
      return "+" + Quoted(match.text);
    case Kind::kRegex:
    case Kind::kName:
      break;
  }
  const std::string word = match.kind == Kind::kRegex ? "/" + match.text : match.text;
  std::string text = Quoted(word);
  if (match.quoted && text == word) return '"' + word + '"';
  return text;
}

std::string NamesText(const std::vector<NameMatch>& matches) {
  std::string text;
  for (const NameMatch& match : matches) {
    if (!text.empty()) text += ',';
    text += NameText(match);
  }
  return text;
}

}  // namespace

std::string_view ToString(RuleType type) {
  switch (type) {
    case RuleType::kLocal:
      return "local";
    case RuleType::kHost:
      return "host";
    case RuleType::kHostSsl:
      return "hostssl";
    case RuleType::kHostNoSsl:
      return "hostnossl";
    case RuleType::kHostGssEnc:
      return "hostgssenc";
    case RuleType::kHostNoGssEnc:
      return "hostnogssenc";
  }
  return "";
}

bool RuleSet::assumed() const {
  return std::any_of(rules.begin(), rules.end(), [](const Rule& rule) { return rule.assumed; });
}

std::optional<std::string_view> Rule::Option(std::string_view name) const {
  for (const std::string& option : options) {
    if (option.size() > name.size() && option.starts_with(name) && option[name.size()] == '=')
      return std::string_view(option).substr(name.size() + 1);
  }
  return std::nullopt;
}

RuleSet UnreadableRules(const std::string& file, const std::string& message) {
  RuleSet set;
  set.errors.push_back({file, 0, message});
  return set;
}

RuleSet ParseRules(const std::vector<FileRow>& rows, int server_version, const std::string& file) {
  if (rows.empty()) return UnreadableRules(file, "the file contains no entries, and PostgreSQL refuses that");
  RuleSet set;
  for (const FileRow& row : rows) {
    if (!row.type) {
      set.errors.push_back({row.file, row.line, ErrorMessage(row)});
      continue;
    }
    const std::vector<Field> fields = Tokenize(row.raw.value_or(""));
    const auto field = [&](std::size_t i) { return i < fields.size() ? &fields[i] : nullptr; };
    Rule rule;
    rule.file = row.file;
    rule.line = row.line;
    rule.type = TypeOf(*row.type);
    rule.databases = ParseNames(row.databases, field(1), true, server_version, rule.assumed);
    rule.users = ParseNames(row.users, field(2), false, server_version, rule.assumed);
    if (rule.type != RuleType::kLocal) rule.address = ParseAddress(row, field(3), rule.assumed);
    rule.method = row.method.value_or("");
    rule.client_cert = ClientCertOf(row);
    rule.options = row.options;
    set.rules.push_back(std::move(rule));
  }
  return set;
}

std::string DatabaseText(const Rule& rule) { return NamesText(rule.databases); }

std::string UserText(const Rule& rule) { return NamesText(rule.users); }

std::string AddressText(const Rule& rule) {
  using Kind = AddressMatch::Kind;
  if (rule.type == RuleType::kLocal) return "";
  const AddressMatch& address = rule.address;
  switch (address.kind) {
    case Kind::kAll:
      return "all";
    case Kind::kSameHost:
      return "samehost";
    case Kind::kSameNet:
      return "samenet";
    case Kind::kHostName:
      return address.quoted ? '"' + address.host + '"' : address.host;
    case Kind::kOdd:
      return address.host;
    case Kind::kMask:
      break;
  }
  const auto prefix = PrefixLength(address.mask);
  if (!prefix) return address.network.ToString() + ' ' + address.mask.ToString();
  return address.network.ToString() + '/' + std::to_string(*prefix);
}

std::string RuleText(const Rule& rule) {
  std::string text = std::string(ToString(rule.type)) + ' ' + DatabaseText(rule) + ' ' + UserText(rule) + ' ';
  if (rule.type != RuleType::kLocal) text += AddressText(rule) + ' ';
  text += rule.method;
  if (rule.method != "cert" && rule.client_cert == ClientCert::kVerifyCa) text += " clientcert=verify-ca";
  if (rule.method != "cert" && rule.client_cert == ClientCert::kVerifyFull) text += " clientcert=verify-full";
  return text;
}

std::string CertificateNameText(const Rule& rule) {
  if (rule.client_cert != ClientCert::kVerifyFull) return "";
  const bool whole = rule.Option("clientname") == "DN";
  const std::string name = whole ? "subject (as RFC 2253 writes it)" : "CN";
  if (const auto map = rule.Option("map"))
    return "pg_ident.conf must map the certificate's " + name + " to the user name (map=" + std::string(*map) + ")";
  return "the certificate's " + name + " must be the user name";
}

std::string ErrorText(const RuleError& error) {
  const std::string line = error.line > 0 ? std::to_string(error.line) + ": " : " ";
  return error.file + ':' + line + error.message;
}

std::optional<int> PrefixLength(const IpAddress& mask) {
  int prefix = 0;
  while (prefix < mask.bits() && mask.Bit(prefix)) ++prefix;
  // All ones, cut at the prefix, is the mask.
  if (mask.Masked(prefix) == mask) return prefix;
  return std::nullopt;
}

}  // namespace pgtls::hba
