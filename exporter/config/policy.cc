#include "exporter/config/policy.h"

#include <charconv>
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

Exemption ParseExemption(const Node& node) {
  Exemption exemption;
  for (const auto& [key, value] : node.Map({"name", "user", "database", "client_addr", "application_name", "until"})) {
    if (key == "name") exemption.name = value.Text();
    if (key == "user") exemption.user = value.Text();
    if (key == "database") exemption.database = value.Text();
    if (key == "application_name") exemption.application_name = value.TextOrEmpty();
    if (key == "until") exemption.until = ParseDay(value);
    if (key == "client_addr") {
      const auto range = Cidr::Parse(value.Text());
      if (!range) value.Fail("expected an address range such as 10.1.2.0/24");
      exemption.client_addr = range;
    }
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

LoopbackSeverity ParseLoopback(const Node& node) {
  const std::string text = node.Text();
  if (text == "note") return LoopbackSeverity::kNote;
  if (text == "warning") return LoopbackSeverity::kWarning;
  if (text == "critical") return LoopbackSeverity::kCritical;
  node.Fail("expected note, warning or critical");
}

std::vector<Exemption> ParseExemptions(const Node& node) {
  std::vector<Exemption> exemptions;
  std::set<std::string> names;
  for (const Node& item : node.List()) {
    Exemption exemption = ParseExemption(item);
    if (!names.insert(exemption.name).second) item.Fail("the name '" + exemption.name + "' is used twice");
    exemptions.push_back(std::move(exemption));
  }
  return exemptions;
}

}  // namespace

Policy ParsePolicy(const Node& node) {
  Policy policy;
  for (const auto& [key, value] : node.Map({"allow_unencrypted", "loopback"})) {
    if (key == "allow_unencrypted") policy.allow_unencrypted = ParseExemptions(value);
    if (key == "loopback") policy.loopback = ParseLoopback(value);
  }
  return policy;
}

}  // namespace pgtls::config
