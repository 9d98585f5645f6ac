// What can be proven of a period, from what Prometheus recorded.
#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include "exporter/app.h"
#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/evidence/collect.h"
#include "exporter/evidence/document.h"
#include "exporter/evidence/prometheus.h"
#include "exporter/output.h"

namespace pgtls {
namespace {

// By then, the last sessions of a period have been collected and scraped.
constexpr std::chrono::minutes kSettled{5};

evidence::Evidence Ask(const config::ReportOptions& options) {
  const evidence::Time now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const evidence::Time end = now - kSettled;
  evidence::Evidence evidence{.made = now, .source = options.prometheus_url, .period = {end - options.since, end}};
  evidence::HttpConfig config;
  if (!options.http_config_file.empty()) config = evidence::LoadHttpConfig(options.http_config_file);
  evidence::Prometheus prometheus(options.prometheus_url, std::move(config));
  std::vector<std::string> servers = options.servers;
  if (servers.empty()) {
    servers = FindServers(prometheus, evidence.period);
    // No server is no success.
    if (servers.empty()) throw ConfigError("Prometheus has no samples of pg_tls_up in this period");
  }
  std::set<std::string> asked;
  for (const std::string& server : servers) {
    if (!asked.insert(server).second) continue;
    log::Debug("asking Prometheus", {{"server", server}});
    evidence.servers.push_back(Collect(prometheus, server, evidence.period, now));
  }
  return evidence;
}

std::string DocumentOf(config::ReportFormat format, const evidence::Evidence& evidence) {
  switch (format) {
    case config::ReportFormat::kText:
      return TextDocument(evidence);
    case config::ReportFormat::kJson:
      return JsonDocument(evidence);
    case config::ReportFormat::kHtml:
      return HtmlDocument(evidence);
  }
  return "";
}

}  // namespace

int Report(const config::CommandLine& line) {
  try {
    const evidence::Evidence evidence = Ask(line.report);
    Print(DocumentOf(line.format, evidence));
    return ExitCode(evidence);
  } catch (const Error& error) {
    throw UnavailableError(error.what());
  } catch (const std::bad_alloc&) {  // exit code 1 would be a verdict
    throw UnavailableError("there is not enough memory for the answers; ask about one --server or a shorter period");
  }
}

}  // namespace pgtls
