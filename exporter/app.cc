#include "exporter/app.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "collectors/registry.h"
#include "exporter/audit/check.h"
#include "exporter/audit/explain.h"
#include "exporter/base/blocking.h"
#include "exporter/base/error.h"
#include "exporter/base/foreign_output.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/catalogue.h"
#include "exporter/config/load.h"
#include "exporter/db/connector.h"
#include "exporter/db/default_sslmode.h"
#include "exporter/drivers.h"
#include "exporter/exposition/metrics_page.h"
#include "exporter/exposition/self_metrics.h"
#include "exporter/output.h"
#include "exporter/report/report.h"
#include "exporter/sampling/once.h"
#include "exporter/tls/openssl.h"

namespace pgtls {
namespace {

constexpr int kServerDown = 1;
constexpr int kTryAgain = 1;  // the program could not start or go on, and time may cure that
constexpr int kBadConfiguration = 2;
constexpr std::size_t kMaxErrorBytes = 2000;

// A loop of its own for one collection.
struct Collection {
  asio::io_context loop{1};
  BlockingPool blocking{4};
  db::Connector connector{blocking, 8};
  sampling::Runtime runtime{loop, blocking, connector, collectors::All(), Drivers()};
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
  _exit(exit_code);
}

std::string WithNewline(std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

// One line on standard error: of the log, where that has a format for programs.
void ReportError(log::Format format, const std::string& message) {
  if (format == log::Format::kJson) {
    log::Error(message);
    return;
  }
  const std::string text = "pg_tls_exporter: " + Printable(OneLine(message), kMaxErrorBytes) + "\n";
  std::ignore = write(STDERR_FILENO, text.data(), text.size());
}

int ConfigCheck(const config::CommandLine& line) {
  const config::Config config = LoadConfig(line);
  // Elsewhere a missing one costs its own server until it appears.
  for (const auto& file : config.secret_files) {
    if (const auto why = config::WhyUnreadable(file)) throw ConfigError(file.place + ": " + *why);
  }
  Print(fmt::format("{}: {} servers, {} modules, {} exemptions: ok\n", line.config_file, config.servers.size(),
                    config.modules.size(), config.policy.allow_unencrypted.size()));
  return EXIT_SUCCESS;
}

int Collect(const config::CommandLine& line) {
  const auto servers = Once(LoadConfig(line));
  exposition::ReloadStatus reload;
  reload.Set(true);
  const auto order = std::make_shared<const metrics::FamilyOrder>(Catalogue());
  // Without process_* and HTTP counters: in node_exporter's textfile directory they would collide with its own.
  const http::Body page =
      exposition::MetricsPage(order, servers, exposition::RenderExporter(reload, nullptr), exposition::PageFilter{});
  const auto source = page.Pieces();
  const Pieces pieces = [&] { return source->Next(); };
  if (line.output.empty()) {
    Print(pieces);
  } else {
    ReplaceFile(line.output, pieces);
  }
  for (const auto& server : servers) {
    if (!server->up.value_or(true)) return kServerDown;
  }
  return EXIT_SUCCESS;
}

std::chrono::sys_seconds Now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

std::string ReportText(config::ReportFormat format, const std::vector<audit::ServerReport>& reports,
                       const report::ProfileReport* profile, std::chrono::sys_seconds now) {
  switch (format) {
    case config::ReportFormat::kText:
      return profile == nullptr ? report::TextReport(reports) : report::TextReport(*profile);
    case config::ReportFormat::kJson:
      return report::JsonReport(reports, profile);
    case config::ReportFormat::kHtml:
      return report::HtmlReport(reports, profile, now);
  }
  return "";
}

int Check(const config::CommandLine& line) {
  const auto servers = Once(LoadConfig(line));
  const auto now = Now();
  const auto reports = audit::Check(servers, now);
  std::optional<report::ProfileReport> profile;
  if (!line.profile.empty()) profile = report::Assess(report::ProfileOf(line.profile), servers, reports, now);
  Print(WithNewline(ReportText(line.format, reports, profile ? &*profile : nullptr, now)));
  return profile ? report::ExitCode(*profile) : audit::ExitCode(reports);
}

// The server is asked what its regular expressions say of these very names. What it presents on the wire counts for
// clients over TLS only.
int Explain(const config::CommandLine& line) {
  config::Config config = LoadConfig(line);
  if (config.servers.size() != 1)
    throw ConfigError("explain needs exactly one server: --dsn, or a configuration file with one server");
  for (const sampling::CollectorType* type : collectors::All()) {
    config::CollectorConfig& settings = config.servers[0].collectors.find(type->name)->second;
    settings.enabled = type->explain != nullptr && (NeedsSql(*type) || line.explain.encryption == "tls");
    if (settings.enabled) type->explain({line.explain.user, line.explain.database}, settings.options);
  }
  const audit::Explanation explanation = audit::Explain(*Once(config).front(), line.explain, Now());
  Print(WithNewline(explanation.text));
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
      Print(WithNewline(CatalogueText(line.markdown)));
      return EXIT_SUCCESS;
    case config::Command::kCheck:
      return Check(line);
    case config::Command::kExplain:
      return Explain(line);
    case config::Command::kReport:
      return Report(line);
  }
  return kBadConfiguration;
}

int Run(const config::CommandLine& line) {
  log::Configure(line.log_level, line.log_format);
  db::RequireEncryptionByDefault();
  tls::NeverAskForPassphrases();
  RaiseFileLimit();
  return Dispatch(line);
}

}  // namespace

int RunApp(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): a reader that goes away is an error of the write
  log::TakeForeignOutput();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  config::HideDsn(argc, argv);
  const config::ParsedCommandLine parsed =
      config::ParseCommandLine(arguments, exposition::VersionText(), collectors::Schemas());
  try {
    if (parsed.command_line) return End(Run(*parsed.command_line));
    log::Configure(log::Level::kInfo, parsed.log_format);
    if (!parsed.error.empty()) ReportError(parsed.log_format, parsed.error);
    if (!parsed.out.empty()) Print(WithNewline(parsed.out));
    return parsed.exit_code;
  } catch (const UnavailableError& error) {
    ReportError(parsed.log_format, error.what());
    const bool serves = parsed.command_line && parsed.command_line->command == config::Command::kServe;
    return serves ? kTryAgain : kBadConfiguration;
  } catch (const ConfigError& error) {
    ReportError(parsed.log_format, error.what());
    return kBadConfiguration;
  } catch (const OutputError& error) {
    ReportError(parsed.log_format, error.what());
    return kBadConfiguration;
  } catch (const std::exception& error) {  // no thread, no memory, no descriptor left
    ReportError(parsed.log_format, error.what());
    return kTryAgain;
  }
}

}  // namespace pgtls
