#include "exporter/status/unseen_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::status {
namespace {

using Add = std::function<void(const std::string& what, const std::string& why)>;

// "hba: the rules of pg_hba.conf": the same text as in `check`.
std::string PartText(const sampling::CollectorState& collector, const sampling::IncompletePart& missing) {
  const sampling::DeclaredPart* const declared =
      collector.type == nullptr ? nullptr : sampling::FindPart(collector.type->parts, missing.part);
  if (declared != nullptr) return fmt::format("{}: {}", collector.name, declared->what);
  std::string text = collector.name + ": " + missing.part;
  std::ranges::replace(text, '_', ' ');
  return text;
}

void AddServer(const ServerFacts& facts, const Add& add) {
  const auto& lost = facts.snapshot.connection_failure;
  if (lost) add("everything that needs a login", audit::FailureText(*lost));
  for (const sampling::CollectorState& collector : facts.snapshot.collectors) {
    const std::string why = facts.WhyUnknown(collector.name);
    if (!why.empty() && !facts.FailedWithConnection(collector)) add(collector.name, why);
    if (!collector.result) continue;
    for (const auto& missing : collector.result->incomplete) add(PartText(collector, missing), missing.reason);
  }
  for (const sampling::CollectorType* type : facts.snapshot.disabled) {
    if (type->schema.enabled) add(std::string(type->name), facts.WhyUnknown(type->name));
  }
  const std::string wire = facts.WhyWireUnknown();
  if (!wire.empty()) add("TLS over the network", wire);
  if (!facts.certificates) return;
  for (const auto& file : facts.certificates->files) {
    if (!file.problem.empty()) add("file " + file.path, file.problem);
    const bool named = !file.content.pkcs12_problem.empty();
    if (file.content.malformed > 0 && !named)
      add("file " + file.path, Counted(file.content.malformed, "malformed block"));
    if (file.content.truncated) add("file " + file.path, "too many certificates: the first ones were read");
  }
}

}  // namespace

BoundedList<UnseenRow> UnseenRows(const std::vector<ServerFacts>& servers, std::size_t limit, std::size_t names) {
  std::map<std::pair<std::string, std::string>, UnseenRow> rows;
  for (const auto& facts : servers) {
    std::set<std::pair<std::string, std::string>> added;
    AddServer(facts, [&](const std::string& what, const std::string& why) {
      if (!added.insert({what, why}).second) return;
      UnseenRow& row = rows[{what, why}];
      if (row.servers.size() < names) {
        row.servers.push_back(facts.snapshot.name);
      } else {
        ++row.more_servers;
      }
    });
  }
  const auto more = [](const UnseenRow& a, const UnseenRow& b) {
    const auto count = [](const UnseenRow& row) { return row.servers.size() + row.more_servers; };
    return std::tuple(count(b), std::tie(a.what, a.why)) < std::tuple(count(a), std::tie(b.what, b.why));
  };
  TopN<UnseenRow, decltype(more)> first(limit, more);
  for (auto& [key, row] : rows) {
    std::tie(row.what, row.why) = key;
    first.Add(std::move(row));
  }
  return first.Take();
}

}  // namespace pgtls::status
