#include "exporter/config/policy.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>

namespace pgtls::config {
namespace {

// Digits only: from_chars would take a sign.
std::optional<int> ParseNumber(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text.starts_with('-') || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

std::chrono::sys_days ParseDay(const Node& node) {
  const std::string text = node.Text();
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    const auto year = ParseNumber(std::string_view(text).substr(0, 4));
    const auto month = ParseNumber(std::string_view(text).substr(5, 2));
    const auto day = ParseNumber(std::string_view(text).substr(8, 2));
    if (year && month && day && *month > 0 && *day > 0) {
      const std::chrono::year_month_day date{std::chrono::year(*year),
                                             std::chrono::month(static_cast<unsigned>(*month)),
                                             std::chrono::day(static_cast<unsigned>(*day))};
      if (date.ok()) return date;
    }
  }
  node.Fail("expected a date as YYYY-MM-DD");
}

Cidr ParseRange(const Node& node) {
  const auto range = Cidr::Parse(node.Text());
  if (!range) node.Fail("expected an address range such as 10.1.2.0/24");
  return *range;
}

Exemption ParseExemption(const Node& node) {
  Exemption exemption;
  for (const auto& [key, value] : node.Map({"name", "user", "database", "client_addr", "application_name", "until"})) {
    if (key == "name") exemption.name = value.Text();
    if (key == "user") exemption.user = value.Text();
    if (key == "database") exemption.database = value.Text();
    if (key == "application_name") exemption.application_name = value.TextOrEmpty();
    if (key == "until") exemption.until = ParseDay(value);
    if (key == "client_addr") exemption.client_addr = ParseRange(value);
  }
  if (exemption.name.empty()) node.Fail("an exemption needs a name");
  if (!exemption.user && !exemption.database && !exemption.client_addr) {
    node.Fail("an exemption needs at least one of user, database, client_addr");
  }
  if (exemption.application_name && !(exemption.user && exemption.client_addr)) {
    node.Fail("application_name counts only together with user and client_addr: clients choose it themselves");
  }
  return exemption;
}

std::string ParseTlsVersion(const Node& node) {
  std::string version = node.Text();
  if (std::ranges::find(kTlsVersions, version) == std::end(kTlsVersions))
    node.Fail("expected TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3");
  return version;
}

// Not empty.
std::vector<std::string> ParseNames(const Node& node) {
  std::vector<std::string> names;
  for (const Node& item : node.List()) names.push_back(item.Text());
  if (names.empty()) node.Fail("an empty list would refuse every session: leave the key out");
  return names;
}

Requirement ParseRequirement(const Node& node) {
  Requirement requirement;
  for (const auto& [key, value] :
       node.Map({"name", "user", "database", "client_addr", "min_version", "ciphers", "client_issuers"})) {
    if (key == "name") requirement.name = value.Text();
    if (key == "user") requirement.user = value.Text();
    if (key == "database") requirement.database = value.Text();
    if (key == "client_addr") requirement.client_addr = ParseRange(value);
    if (key == "min_version") requirement.min_version = ParseTlsVersion(value);
    if (key == "ciphers") requirement.ciphers = ParseNames(value);
    if (key == "client_issuers") requirement.client_issuers = ParseNames(value);
  }
  if (requirement.name.empty()) node.Fail("a requirement needs a name");
  if (!requirement.min_version && requirement.ciphers.empty() && requirement.client_issuers.empty())
    node.Fail("a requirement needs at least one of min_version, ciphers, client_issuers");
  for (std::string& issuer : requirement.client_issuers) {
    if (!issuer.starts_with('/')) issuer.insert(0, "/");
  }
  return requirement;
}

LoopbackSeverity ParseLoopback(const Node& node) {
  const std::string text = node.Text();
  if (text == "note") return LoopbackSeverity::kNote;
  if (text == "warning") return LoopbackSeverity::kWarning;
  if (text == "critical") return LoopbackSeverity::kCritical;
  node.Fail("expected note, warning or critical");
}

// Entries with names, each used once.
template <typename Entry>
std::vector<Entry> ParseEntries(const Node& node, Entry (*parse)(const Node&)) {
  std::vector<Entry> entries;
  std::set<std::string> names;
  for (const Node& item : node.List()) {
    Entry entry = parse(item);
    if (!names.insert(entry.name).second) item.Fail("the name '" + entry.name + "' is used twice");
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

Policy ParsePolicy(const Node& node) {
  Policy policy;
  for (const auto& [key, value] : node.Map({"allow_unencrypted", "require", "loopback"})) {
    if (key == "allow_unencrypted") policy.allow_unencrypted = ParseEntries(value, ParseExemption);
    if (key == "require") policy.require = ParseEntries(value, ParseRequirement);
    if (key == "loopback") policy.loopback = ParseLoopback(value);
  }
  return policy;
}

}  // namespace pgtls::config
