#include <nlohmann/json.hpp>

#include "exporter/base/json.h"
#include "exporter/report/report.h"

namespace pgtls::report {
namespace {

using Json = nlohmann::ordered_json;

Json AsJson(const audit::Finding& finding) {
  return {{"severity", ToString(finding.severity)},
          {"id", finding.id},
          {"title", finding.title},
          {"evidence", finding.evidence},
          {"why", finding.why},
          {"remedy", finding.remedy},
          {"unknown", finding.unknown},
          {"controls", ControlsOf(finding.id)}};
}

Json AsJson(const Judged& judged) {
  return {{"id", judged.control->id},
          {"title", judged.control->title},
          {"verdict", ToString(judged.verdict)},
          {"source", judged.control->source},
          {"evidence", judged.evidence}};
}

Json AsJson(const audit::ServerReport& report);

template <typename T>
Json AsArray(const std::vector<T>& elements) {
  Json array = Json::array();
  for (const T& element : elements) array.push_back(AsJson(element));
  return array;
}

Json AsJson(const audit::ServerReport& report) {
  return {{"server", report.server},
          {"server_version", report.server_version},
          {"up", report.up},
          {"findings", AsArray(report.findings)}};
}

}  // namespace

std::string JsonReport(const std::vector<audit::ServerReport>& reports, const ProfileReport* profile) {
  Json servers = AsArray(reports);
  const int exit_code = profile == nullptr ? ExitCode(reports) : ExitCode(*profile);
  Json report = {{"format", 1}, {"exit_code", exit_code}};
  if (profile != nullptr) {
    report["profile"] = {{"name", profile->profile->name}, {"title", profile->profile->title}};
    for (std::size_t i = 0; i < servers.size(); ++i) servers[i]["controls"] = AsArray(profile->servers[i].controls);
  }
  report["servers"] = std::move(servers);
  return JsonText(report, 2) + "\n";
}

}  // namespace pgtls::report
