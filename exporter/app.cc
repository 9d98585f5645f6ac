#include "exporter/app.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "collectors/registry.h"
#include "exporter/audit/check.h"
#include "exporter/audit/explain.h"
#include "exporter/base/blocking.h"
#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/catalogue.h"
#include "exporter/config/load.h"
#include "exporter/db/connector.h"
#include "exporter/db/keywords.h"
#include "exporter/db/target.h"
#include "exporter/http/exporter_metrics.h"
#include "exporter/http/metrics_page.h"
#include "exporter/sampling/once.h"
#include "exporter/tls/openssl.h"
#include "exporter/tls/record_buffers.h"

namespace pgtls {
namespace {

constexpr int kServerDown = 1;
constexpr int kFailed = 1;
constexpr int kBadConfiguration = 2;

config::Config ForConninfo(const std::string& where, const std::string& conninfo) {
  try {
    return config::ForConninfo(db::ResolveTarget(conninfo).DisplayName(), conninfo);
  } catch (const ConfigError& error) {
    throw ConfigError(where + ": " + error.what());
  }
}

// A loop of its own for one collection.
struct Collection {
  asio::io_context loop{1};
  BlockingPool blocking{4};
  db::Connector connector{blocking, 8};
  sampling::Runtime runtime{loop, blocking, connector, collectors::All()};
};

// What a collection left behind with work that hangs (a name that does not resolve): nothing may be torn down under it.
Collection* g_left_behind = nullptr;

sampling::Snapshots Once(const config::Config& config) {
  auto collection = std::make_unique<Collection>();
  auto servers = sampling::CollectOnce(config, collection->runtime);
  if (!collection->blocking.Close()) g_left_behind = collection.release();
  return servers;
}

// The process's end. After a collection that left work behind, static destructors must not run either.
int End(int exit_code) {
  if (g_left_behind == nullptr) return exit_code;
  std::cout.flush();
  std::cerr.flush();
  _exit(exit_code);
}

int ConfigCheck(const config::CommandLine& line) {
  const config::Config config = LoadConfig(line);
  std::cout << line.config_file << ": " << config.servers.size() << " servers, " << config.modules.size()
            << " modules, " << config.policy.allow_unencrypted.size() << " exemptions: ok\n";
  return EXIT_SUCCESS;
}

int Collect(const config::CommandLine& line) {
  const auto servers = Once(LoadConfig(line));
  http::ReloadStatus reload;
  reload.Set(true);
  const http::RequestCounter no_requests;
  const auto order = std::make_shared<const metrics::FamilyOrder>(Catalogue());
  const http::Body page =
      http::MetricsPage(order, servers, http::RenderExporter(reload, no_requests), http::PageFilter{});
  const auto pieces = page.Pieces();
  for (std::string_view piece = pieces->Next(); !piece.empty(); piece = pieces->Next()) std::cout << piece;
  std::cout.flush();
  for (const auto& server : servers) {
    if (!server->up.value_or(true)) return kServerDown;
  }
  return EXIT_SUCCESS;
}

int Check(const config::CommandLine& line) {
  const auto servers = Once(LoadConfig(line));
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto reports = audit::Check(servers, now);
  std::cout << (line.json ? audit::JsonReport(reports) : audit::TextReport(reports)) << std::flush;
  return audit::ExitCode(reports);
}

// Rules alone are read, and the server is asked what its regular expressions say of these very names.
int Explain(const config::CommandLine& line) {
  config::Config config = LoadConfig(line);
  if (config.servers.size() != 1) throw ConfigError("explain asks one server: --dsn, or a configuration of one");
  for (auto& [name, collector] : config.servers[0].collectors) collector.enabled = name == "hba";
  config.servers[0].collectors.at("hba").names = {line.explain.user, line.explain.database};
  const audit::Explanation explanation = audit::Explain(*Once(config).front(), line.explain);
  std::cout << explanation.text << std::flush;
  return explanation.exit_code;
}

// Each watched server is a connection, and the usual soft limit of 1,024 is there for select(2), which nothing here
// calls. Only the limit of this process changes; what it starts are threads. Throws where there are too few for two
// event loops, the listeners and a first connection: said here, it is clearer than the failure of one of them.
void RaiseFileLimit() {
  constexpr rlim_t kFewest = 64;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_max < kFewest) {
    throw std::runtime_error("at most " + std::to_string(limit.rlim_max) + " files may be open (ulimit -Hn); " +
                             std::to_string(kFewest) + " are needed at least");
  }
  if (limit.rlim_cur >= limit.rlim_max) return;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  const bool raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
  log::Debug(raised ? "raised the limit of open files" : "the limit of open files cannot be raised",
             {{"from", std::to_string(before)}, {"to", std::to_string(limit.rlim_max)}});
}

int Dispatch(const config::CommandLine& line) {
  switch (line.command) {
    case config::Command::kServe:
      return Serve(line);
    case config::Command::kConfigCheck:
      return ConfigCheck(line);
    case config::Command::kCollect:
      return Collect(line);
    case config::Command::kMetrics:
      std::cout << CatalogueText(line.markdown);
      return EXIT_SUCCESS;
    case config::Command::kCheck:
      return Check(line);
    case config::Command::kExplain:
      return Explain(line);
  }
  return kBadConfiguration;
}

}  // namespace

config::Config LoadConfig(const config::CommandLine& line) {
  config::Config config;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment once there are threads
  const char* data_source = std::getenv("DATA_SOURCE_NAME");
  if (!line.config_file.empty()) {
    config = config::LoadFile(line.config_file, [](const std::string& conninfo) {
      db::ResolveTarget(conninfo);
      return db::Keywords(conninfo);
    });
  } else if (line.dsn) {
    config = ForConninfo("--dsn", *line.dsn);
  } else if (data_source != nullptr && *data_source != '\0') {
    config = ForConninfo("DATA_SOURCE_NAME", data_source);
  } else {
    config = ForConninfo("libpq's environment", "");
  }
  for (const auto& [name, enabled] : line.collectors) {
    config.collectors.at(name).enabled = enabled;
    for (auto& server : config.servers) server.collectors.at(name).enabled = enabled;
  }
  return config;
}

int RunApp(int argc, char** argv) {
  const bool kept = tls::KeepRecordBuffers();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  config::HideDsn(argc, argv);
  const config::ParsedCommandLine parsed = config::ParseCommandLine(arguments, http::VersionText());
  std::cout << parsed.out;
  std::cerr << parsed.err;
  if (!parsed.command_line) return parsed.exit_code;
  const config::CommandLine& line = *parsed.command_line;
  log::Configure(line.log_level, line.log_format);
  if (!kept) log::Warn("OpenSSL was in use before its buffers could be kept: TLS will cost more than it must");
  // Each thread would get a heap of its own, and none gives back what another could use: a megabyte for nothing here.
  mallopt(M_ARENA_MAX, 1);
  // The rows of a thousand sessions are some hundred kB for a moment. Given back and asked for again with each
  // collection, they cost more in page faults than in reading.
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
  db::RequireEncryptionByDefault();
  tls::NeverAskForPassphrases();
  try {
    RaiseFileLimit();
    return End(Dispatch(line));
  } catch (const ConfigError& error) {
    std::cerr << "pg_tls_exporter: " << error.what() << '\n';
    return kBadConfiguration;
  } catch (const std::exception& error) {  // no thread, no memory, no descriptor left
    std::cerr << "pg_tls_exporter: " << error.what() << '\n';
    return kFailed;
  }
}

}  // namespace pgtls
