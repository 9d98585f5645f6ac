#include "tests/e2e/exporter.h"

#include <unistd.h>

#include <set>
#include <sstream>
#include <stdexcept>

#include "tests/support/files.h"
#include "tests/support/http_client.h"

namespace pgtls::e2e {
namespace {

std::vector<std::string> Command(const std::vector<std::string>& arguments, bool serve) {
  std::vector<std::string> command = {PGTLS_EXPORTER};
  command.insert(command.end(), arguments.begin(), arguments.end());
  if (serve) command.emplace_back("--web.listen-address=127.0.0.1:0");
  return command;
}

void CheckPage(const std::string& page) {
  std::set<std::string> series;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    const std::string name = line.substr(0, line.rfind(' '));
    if (!series.insert(name).second) throw std::runtime_error("the series is on the page twice: " + name);
  }
}

}  // namespace

std::map<std::string, std::string> Environment(const std::map<std::string, std::string>& more) {
  std::map<std::string, std::string> environment = more;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string name = std::string(*entry).substr(0, std::string(*entry).find('='));
    if (name.starts_with("PG") && !name.starts_with("PGTLS")) environment.emplace(name, "");
  }
  environment.emplace("DATA_SOURCE_NAME", "");
  environment.emplace("HOME", "/nonexistent");  // no ~/.pgpass, no ~/.postgresql
  return environment;
}

support::ProcessResult RunExporter(const std::vector<std::string>& arguments,
                                   const std::map<std::string, std::string>& environment) {
  return support::RunProcess(Command(arguments, false), {.environment = Environment(environment)});
}

Exporter::Exporter(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment)
    : process_(Command(arguments, true), {.environment = Environment(environment)}) {
  support::WaitUntil([&] {
    const std::string log = Log();
    for (const std::string& mark : {std::string("address=127.0.0.1:"), std::string(R"("address":"127.0.0.1:)")}) {
      const std::size_t at = log.find(mark);
      if (at != std::string::npos && log.find('\n', at) != std::string::npos)
        port_ = std::stoi(log.substr(at + mark.size()));
    }
    return port_ != 0 || process_.ExitCode();
  });
  if (port_ == 0) throw std::runtime_error("the exporter does not start: " + Log());
}

std::string Exporter::Page() const {
  std::string page = support::HttpGet(port_, "/metrics");
  CheckPage(page);
  return page;
}

std::string Exporter::WaitForPage(const std::function<bool(const std::string&)>& good,
                                  std::chrono::milliseconds limit) const {
  std::string page;
  const bool found = support::WaitUntil([&] { return good(page = Page()); }, limit);
  if (!found) throw std::runtime_error("the page does not become what it should be:\n" + page + "\nLog:\n" + Log());
  return page;
}

std::string Exporter::WaitForLine(const std::string& line, std::chrono::milliseconds limit) const {
  try {
    return WaitForPage([&](const std::string& page) { return HasLine(page, line); }, limit);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error("not on the page: " + line + "\n" + error.what());
  }
}

bool Exporter::WaitForLog(const std::string& text) const {
  return support::WaitUntil([&] { return Log().contains(text); });
}

void Exporter::WaitUntilReady() const {
  const bool ready = support::WaitUntil([&] { return support::HttpRequest(port_, "/-/ready").status == 200; });
  if (!ready) throw std::runtime_error("the exporter does not become ready: " + Log());
}

std::string Config(const std::vector<std::pair<std::string, std::string>>& servers, const std::string& more) {
  // Every line of `more` is YAML at the top level.
  std::string text =
      "collectors:\n"
      "  sessions: {interval: 200ms, timeout: 30s}\n"
      "  settings: {interval: 500ms, timeout: 30s}\n"
      "  hba: {interval: 500ms, timeout: 30s}\n"
      "  links: {interval: 500ms, timeout: 30s}\n"
      "  endpoint: {interval: 500ms, timeout: 30s}\n"
      "  certificates: {interval: 500ms, timeout: 30s}\n"
      "servers:\n";
  for (const auto& [name, conninfo] : servers) {
    text += "  - name: " + name + "\n    conninfo: \"" + conninfo + "\"\n";
  }
  return text + more;
}

std::string Impatient(std::string config) {
  const std::string patient = "timeout: 30s";
  for (std::size_t at = config.find(patient); at != std::string::npos; at = config.find(patient)) {
    config.replace(at, patient.size(), "timeout: 2s");
  }
  return config;
}

bool HasLine(const std::string& page, const std::string& line) {
  return page.starts_with(line + "\n") || page.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace pgtls::e2e
