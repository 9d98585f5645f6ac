#include <nlohmann/json.hpp>

#include "exporter/audit/check.h"
#include "exporter/base/json.h"

namespace pgtls::audit {
namespace {

using Json = nlohmann::ordered_json;

Json AsJson(const Finding& finding) {
  return {{"severity", ToString(finding.severity)},
          {"id", finding.id},
          {"title", finding.title},
          {"evidence", finding.evidence},
          {"why", finding.why},
          {"remedy", finding.remedy},
          {"unknown", finding.unknown}};
}

Json AsJson(const ServerReport& report) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(AsJson(finding));
  return {{"server", report.server},
          {"server_version", report.server_version},
          {"up", report.up},
          {"findings", std::move(findings)}};
}

}  // namespace

std::string JsonReport(const std::vector<ServerReport>& reports) {
  Json servers = Json::array();
  for (const ServerReport& report : reports) servers.push_back(AsJson(report));
  return JsonText({{"format", 1}, {"exit_code", ExitCode(reports)}, {"servers", std::move(servers)}}, 2) + "\n";
}

}  // namespace pgtls::audit
