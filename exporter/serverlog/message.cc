#include "exporter/serverlog/message.h"

#include <algorithm>
#include <cstddef>
#include <regex>
#include <utility>

namespace pgtls::serverlog {
namespace {

// Names are at most this long (NAMEDATALEN - 1), so that a longer text cannot be the end of one.
constexpr std::size_t kLongestName = 63;

bool Skip(std::string_view beginning, std::string_view& text) {
  if (!text.starts_with(beginning)) return false;
  text.remove_prefix(beginning.size());
  return true;
}

// "host=127.0.0.1 port=56136", "host=[local]"; with log_hostname, "host=name" with a port.
Message ReadReceived(std::string_view text) {
  if (!Skip("host=", text)) return {};
  Received received;
  const auto at = text.rfind(" port=");
  received.host = text.substr(0, at);
  if (at != std::string_view::npos) received.port = ParseNumber(text.substr(at + 6));
  return received;
}

// "identity="…" method=cert (/etc/…/pg_hba.conf:12)": the identity is the client's, so the text is read from its end.
Message ReadAuthenticated(std::string_view text) {
  constexpr std::string_view kMethod = "\" method=";
  const auto method = text.rfind(kMethod);
  if (method == std::string_view::npos || !text.ends_with(')')) return {};
  text = text.substr(method + kMethod.size(), text.size() - method - kMethod.size() - 1);
  const auto open = text.find(" (");
  const auto colon = text.rfind(':');
  if (open == std::string_view::npos || colon == std::string_view::npos || colon < open) return {};
  const auto line = ParseNumber(text.substr(colon + 1));
  if (!line) return {};
  return Authenticated{std::string(text.substr(0, open)), std::string(text.substr(open + 2, colon - open - 2)), *line};
}

// The part at the end of the text that describes the encryption, and its size.
struct Suffix {
  Encryption encryption = Encryption::kNone;
  std::size_t size = 0;
};

// At the end of `text`, a match of `pattern` that begins with `beginning`; empty: there is none.
std::string_view TailMatching(std::string_view text, std::string_view beginning, const std::regex& pattern) {
  // The memory for a match grows with the text, which the client may choose.
  constexpr std::size_t kLongest = 1000;
  const auto at = text.rfind(beginning);
  if (at == std::string_view::npos || text.size() - at > kLongest) return {};
  const std::string_view tail = text.substr(at);
  return std::regex_match(tail.begin(), tail.end(), pattern) ? tail : std::string_view();
}

// TLS comes first, then GSS, which may have authenticated a connection over TLS.
Suffix SuffixOf(std::string_view text) {
  static const std::regex tls(R"( SSL enabled \(protocol=[A-Za-z0-9.]+, cipher=[A-Za-z0-9_-]+, bits=\d+\))");
  static const std::regex gss(
      R"( GSS \(authenticated=(yes|no), encrypted=(yes|no), (deleg_credentials=(yes|no), )?principal=[^)]*\))");
  const std::string_view gss_tail = TailMatching(text, " GSS (authenticated=", gss);
  text.remove_suffix(gss_tail.size());
  const std::string_view tls_tail = TailMatching(text, " SSL enabled (", tls);
  const std::size_t size = gss_tail.size() + tls_tail.size();
  if (!tls_tail.empty()) return {Encryption::kTls, size};
  const bool encrypted = gss_tail.find(", encrypted=yes, ") != std::string_view::npos;
  return {encrypted ? Encryption::kGss : Encryption::kNone, size};
}

constexpr std::string_view kDatabase = " database=";
constexpr std::string_view kApplication = " application_name=";

// "user=U database=D application_name=A", with the names where they are known from the record's fields.
struct Names {
  std::string user;
  std::string database;
  std::string_view rest;  // after them
  bool exact = false;     // whether they are known from the record's fields
};

bool OnlyOnce(std::string_view text, std::string_view what) { return text.find(what) == text.rfind(what); }

Names ReadNames(std::string_view text, bool replication, const Record& record) {
  Names names;
  if (record.user && !record.doubtful && (record.database || replication)) {
    std::string known = "user=" + *record.user;
    if (!replication) known.append(kDatabase).append(*record.database);
    if (text.starts_with(known)) {
      return {*record.user, replication ? "" : *record.database, text.substr(known.size()), true};
    }
  }
  if (!Skip("user=", text)) return names;
  const auto application = text.find(kApplication);
  const std::size_t end = application == std::string_view::npos ? text.size() - SuffixOf(text).size : application;
  const std::string_view both = text.substr(0, end);
  const auto database = replication ? std::string_view::npos : both.find(kDatabase);
  names.user = both.substr(0, database);
  if (database != std::string_view::npos) names.database = both.substr(database + kDatabase.size());
  names.rest = text.substr(end);
  return names;
}

Message ReadAuthorized(std::string_view text, bool replication, const Record& record) {
  const bool has_names = text.starts_with("user=") && (replication || text.find(kDatabase) != std::string_view::npos);
  if (!has_names) return {};
  const Names names = ReadNames(text, replication, record);
  const Suffix suffix = SuffixOf(names.exact ? names.rest : text);
  Authorized authorized{.user = names.user, .database = names.database, .said = suffix.encryption};
  const std::string_view rest = names.rest.substr(0, names.rest.size() - std::min(suffix.size, names.rest.size()));
  const bool has_application = rest.starts_with(kApplication);
  if (has_application) authorized.application_name = rest.substr(kApplication.size());
  // Other text may be a name, or that of a query.
  const bool exact = names.exact && (rest.empty() || has_application);
  authorized.doubtful = record.doubtful || (record.user && !exact);

  // Names that are not known from elsewhere may end so too, if they are long enough.
  const bool names_may_end_so = text.find(kApplication) != std::string_view::npos || suffix.size <= kLongestName ||
                                suffix.encryption != Encryption::kTls || authorized.user.size() > kLongestName ||
                                authorized.database.size() > kLongestName;
  const bool servers_suffix = rest.empty() && !authorized.doubtful && (exact || !names_may_end_so);
  authorized.certain = suffix.encryption == Encryption::kNone || servers_suffix;
  const bool in_order = text.find(kDatabase) < text.find(kApplication) || replication;
  const bool last_name_is_cut = suffix.size > 0 && rest.empty() && names_may_end_so;
  authorized.names_certain =
      exact || (OnlyOnce(text, kDatabase) && OnlyOnce(text, kApplication) && in_order && !last_name_is_cut);
  const std::string& last_name = replication ? authorized.user : authorized.database;
  authorized.application_certain = exact || !has_application || last_name.size() + rest.size() > kLongestName;
  return authorized;
}

std::optional<Encryption> EncryptionAtEnd(std::string_view& text) {
  using enum Encryption;
  for (const auto& [words, encryption] :
       {std::pair{std::string_view(", no encryption"), kNone}, std::pair{std::string_view(", SSL encryption"), kTls},
        std::pair{std::string_view(", GSS encryption"), kGss}}) {
    if (!text.ends_with(words)) continue;
    text.remove_suffix(words.size());
    return encryption;
  }
  return std::nullopt;
}

// `host "H", user "U", database "D", no encryption`; for replication without a database.
Message ReadRejected(std::string_view text, bool no_entry, const Record& record) {
  Rejected rejected{.no_entry = no_entry, .host = {}, .user = {}, .database = {}};
  const auto encryption = EncryptionAtEnd(text);
  const bool replication = Skip("replication connection ", text);
  if (!no_entry && !replication && !Skip("connection ", text)) return {};
  if (!Skip("for ", text) && !Skip("from ", text) && !no_entry) return {};
  if (!encryption || !Skip("host \"", text) || !text.ends_with('"')) return {};
  rejected.encryption = *encryption;
  text.remove_suffix(1);
  constexpr std::string_view kUser = "\", user \"";
  constexpr std::string_view kInDatabase = "\", database \"";
  const auto user = text.find(kUser);
  if (user == std::string_view::npos) return {};
  rejected.host = text.substr(0, user);
  text.remove_prefix(user + kUser.size());
  const auto database = replication ? std::string_view::npos : text.rfind(kInDatabase);
  rejected.user = text.substr(0, database);
  if (database != std::string_view::npos) rejected.database = text.substr(database + kInDatabase.size());
  if (record.user && !record.doubtful) rejected.user = *record.user;
  if (record.database && !record.doubtful && !replication) rejected.database = *record.database;
  return rejected;
}

// By OpenSSL's texts of reasons and of verification errors (16 and later have the latter in DETAIL).
Message ReadHandshake(std::string_view text, std::string_view detail) {
  const auto says = [](std::string_view where, std::string_view what) {
    return where.find(what) != std::string_view::npos;
  };
  if (says(text, "certificate verify failed") && !detail.empty()) {
    if (says(detail, "certificate has expired")) return HandshakeFailed{"certificate_expired"};
    if (says(detail, "certificate revoked")) return HandshakeFailed{"certificate_revoked"};
    if (says(detail, "issuer certificate") || says(detail, "self-signed") || says(detail, "self signed"))
      return HandshakeFailed{"unknown_ca"};
    return HandshakeFailed{"bad_certificate"};
  }
  constexpr std::pair<std::string_view, std::string_view> kReasons[] = {
      {"unsupported protocol", "unsupported_protocol"},
      {"wrong version number", "unsupported_protocol"},
      {"alert protocol version", "unsupported_protocol"},
      {"version too low", "unsupported_protocol"},
      {"no shared cipher", "no_shared_cipher"},
      {"no suitable signature algorithm", "no_shared_cipher"},
      {"no suitable key share", "no_shared_cipher"},
      {"alert handshake failure", "no_shared_cipher"},
      {"certificate expired", "certificate_expired"},
      {"certificate revoked", "certificate_revoked"},
      {"unknown ca", "unknown_ca"},
      {"certificate verify failed", "bad_certificate"},
      {"bad certificate", "bad_certificate"},
      {"certificate unknown", "bad_certificate"},
      {"unsupported certificate", "bad_certificate"},
      {"peer did not return a certificate", "bad_certificate"},
      {"EOF detected", "eof"},
      {"unexpected eof", "eof"},
      {"Connection reset by peer", "eof"},
      {"Success", "eof"},
  };
  for (const auto& [words, reason] : kReasons) {
    if (says(text, words)) return HandshakeFailed{reason};
  }
  return HandshakeFailed{"other"};
}

}  // namespace

Message ParseMessage(const Record& record) {
  if (record.has_context) return {};
  std::string_view text = record.message;
  if (record.severity == "LOG") {
    // After its login, a session has other texts here.
    const bool authenticating = record.command_tag.empty() || record.command_tag == "authentication";
    if (!authenticating) return {};
    if (Skip(kHandshakeFailed, text)) return ReadHandshake(text, record.detail);
    // The server adds nothing to the others. A query can, so much that the lines which show that it was a query are
    // written later.
    if (!record.detail.empty() || record.has_hint) return {};
    if (Skip(kReceived, text)) return ReadReceived(text);
    if (Skip(kAuthenticated, text)) return ReadAuthenticated(text);
    if (Skip(kAuthorized, text)) return ReadAuthorized(text, false, record);
    if (Skip(kReplicationAuthorized, text)) return ReadAuthorized(text, true, record);
  }
  if (record.severity == "FATAL") {
    if (Skip(kRejects, text)) return ReadRejected(text, false, record);
    if (Skip(kNoEntry, text)) return ReadRejected(text, true, record);
  }
  return {};
}

}  // namespace pgtls::serverlog
