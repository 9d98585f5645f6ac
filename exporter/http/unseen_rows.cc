#include "exporter/http/unseen_rows.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "exporter/config/config.h"

namespace pgtls::http {
namespace {

using Add = std::function<void(const std::string& what, const std::string& why)>;

void AddServer(const ServerFacts& facts, const Add& add) {
  const auto& lost = facts.snapshot.connection_failure;
  if (lost) add("everything that needs a login", FailureText(*lost));
  for (const auto& [name, defaults] : config::DefaultCollectors()) {
    const auto* collector = facts.Collector(name);
    const bool said = collector != nullptr && facts.FailedWithConnection(*collector);
    const std::string why = facts.WhyUnknown(name);
    if (!why.empty() && !said) add(name, why);
    if (collector == nullptr || !collector->result) continue;
    for (const auto& part : collector->result->incomplete) {
      std::string what = name + ": " + part.part;
      std::ranges::replace(what, '_', ' ');
      add(what, part.reason);
    }
  }
  const std::string wire = facts.WhyWireUnknown();
  if (!wire.empty()) add("the wire", wire);
  if (!facts.certificates) return;
  for (const auto& file : facts.certificates->files) {
    if (!file.problem.empty()) add("file " + file.path, file.problem);
    if (file.content.malformed > 0) add("file " + file.path, Counted(file.content.malformed, "malformed block"));
    if (file.content.truncated) add("file " + file.path, "too many certificates: the first ones were read");
  }
}

}  // namespace

Listed<UnseenRow> UnseenRows(const std::vector<ServerFacts>& servers, std::size_t limit, std::size_t names) {
  std::map<std::pair<std::string, std::string>, UnseenRow> rows;
  for (const auto& facts : servers) {
    AddServer(facts, [&](const std::string& what, const std::string& why) {
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
  Foremost<UnseenRow, decltype(more)> foremost(limit, more);
  for (auto& [key, row] : rows) {
    std::tie(row.what, row.why) = key;
    foremost.Add(std::move(row));
  }
  return foremost.Take();
}

}  // namespace pgtls::http
