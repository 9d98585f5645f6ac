#include "tests/bench/postgres_exporter.h"

#include <asio.hpp>
#include <regex>
#include <stdexcept>

#include "collectors/sessions.h"
#include "tests/bench/measure.h"
#include "tests/collectors/harness.h"

namespace pgtls::bench {
namespace {

std::string Indented(const std::string& text) { return "    " + std::regex_replace(text, std::regex("\n"), "\n    "); }

std::vector<std::string> Command(const support::TempDir& dir, const std::string& queries, Scope scope, int port) {
  std::vector<std::string> argv = {"prometheus-postgres-exporter",
                                   "--web.listen-address=127.0.0.1:" + std::to_string(port),
                                   "--extend.query-path=" + dir.Write("queries.yml", queries)};
  if (scope == Scope::kSessions) {
    argv.insert(argv.end(), {"--disable-default-metrics", "--disable-settings-metrics", "--no-collector.database",
                             "--no-collector.bgwriter"});
  }
  return argv;
}

std::map<std::string, std::string> Environment(const std::string& data_sources) {
  auto environment = CleanEnvironment();
  environment["DATA_SOURCE_NAME"] = data_sources;
  return environment;
}

}  // namespace

std::string SessionsSql() {
  class Capture : public collectors::FakeSession {
   public:
    asio::awaitable<std::vector<db::Answer>> QueryAll(std::vector<db::Request> requests,
                                                      Deadline /*at once*/) override {
      sql = requests.front().statement.sql;
      throw Error(FailureReason::kError, "captured");
      co_return std::vector<db::Answer>();
    }
    std::string sql;
  };
  Capture capture;
  collectors::Harness harness(collectors::SessionsCollector());
  harness.session = &capture;
  try {
    harness.Collect();
  } catch (const Error&) {
    return capture.sql;
  }
  throw std::logic_error("the sessions collector asked for nothing");
}

std::string CustomQuery(const std::string& sql, const std::vector<std::string>& labels, const std::string& value) {
  std::string yaml = "bench_sessions:\n  query: |\n" + Indented(sql) + "\n  metrics:\n";
  for (const auto& label : labels) yaml += "    - " + label + ": {usage: LABEL, description: x}\n";
  return yaml + "    - " + value + ": {usage: GAUGE, description: x}\n";
}

std::string SessionRowsQuery() {
  return CustomQuery(SessionsSql(),
                     {"sees_all", "blind_role", "now_us", "pid", "datname", "usename", "application_name",
                      "client_addr", "client_port", "backend_type", "authenticating", "ssl", "version", "cipher",
                      "bits", "client_certificate", "client_dn", "issuer_dn", "gss_encrypted"},
                     "backend_start_us");
}

PostgresExporter::PostgresExporter(const std::string& queries, Scope scope, const std::string& data_sources)
    : port(support::FreePort()),
      process(Command(dir, queries, scope, port), {.environment = Environment(data_sources)}) {}

}  // namespace pgtls::bench
