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

std::string ProgramOf(PostgresExporterRelease release) {
  const std::string package = "prometheus-postgres-exporter";
  const std::string suite = release == PostgresExporterRelease::k0_11 ? "bookworm" : "sid";
  const std::string fetched = support::MustRun({std::string(PGTLS_SUPPORT_DIR) + "/fetch-debian.sh", suite, package});
  return fetched.substr(0, fetched.find('\n')) + "/usr/bin/" + package;
}

// Turns off each collector that the program has.
std::vector<std::string> NoCollectors(const std::string& program) {
  const auto help = support::RunProcess({program, "--help"});
  const std::string text = help.out + help.err;
  static const std::regex kCollector(R"(--collector\.(\w+)\s)");
  std::vector<std::string> options;
  for (std::sregex_iterator found(text.begin(), text.end(), kCollector), end; found != end; ++found) {
    options.push_back("--no-collector." + found->str(1));
  }
  if (options.empty()) throw std::runtime_error(program + " --help names no collector");
  return options;
}

std::vector<std::string> Command(PostgresExporterRelease release, const support::TempDir& dir,
                                 const std::string& queries, Scope scope, int port) {
  const std::string program = ProgramOf(release);
  std::vector<std::string> argv = {program, "--web.listen-address=127.0.0.1:" + std::to_string(port),
                                   "--extend.query-path=" + dir.Write("queries.yml", queries)};
  if (scope == Scope::kSessions) {
    argv.insert(argv.end(), {"--disable-default-metrics", "--disable-settings-metrics"});
    const std::vector<std::string> options = NoCollectors(program);
    argv.insert(argv.end(), options.begin(), options.end());
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
      sql = requests.back().statement.sql;  // after that of the statistics
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
                      "bits", "client_serial", "client_dn", "issuer_dn", "gss_encrypted"},
                     "backend_start_us");
}

PostgresExporter::PostgresExporter(PostgresExporterRelease release, const std::string& queries, Scope scope,
                                   const std::string& data_sources)
    : port(support::FreePort()),
      process(Command(release, dir, queries, scope, port), {.environment = Environment(data_sources)}) {}

}  // namespace pgtls::bench
