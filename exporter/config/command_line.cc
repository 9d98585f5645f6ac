#include "exporter/config/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string_view>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/text.h"
#include "exporter/config/config.h"

namespace pgtls::config {
namespace {

constexpr const char* kSeeHelp = "; --help lists the options";

constexpr const char* kServers =
    "Without --config.file and --dsn, the servers are those of DATA_SOURCE_NAME or DATA_SOURCE_URI, or else of "
    "libpq's\n"
    "environment (PGHOST, PGUSER, PGSSLMODE, PGSERVICE, PGPASSFILE ...).";

void AddSource(CLI::App& app, CommandLine& line) {
  app.add_option("--config.file", line.config_file, "Configuration file (YAML)");
  app.add_option("--dsn", line.dsn,
                 "A server as libpq conninfo (key=value or postgresql://), or several separated by commas");
  app.footer(kServers);
}

void AddLogging(CLI::App& app, CommandLine& line) {
  static const std::map<std::string, log::Level> kLevels = {{"debug", log::Level::kDebug},
                                                            {"info", log::Level::kInfo},
                                                            {"warn", log::Level::kWarn},
                                                            {"error", log::Level::kError}};
  static const std::map<std::string, log::Format> kFormats = {{"logfmt", log::Format::kLogfmt},
                                                              {"json", log::Format::kJson}};
  app.add_option("--log.level", line.log_level, "Log only lines of this severity or above")
      ->transform(CLI::CheckedTransformer(kLevels))
      ->option_text("debug|info|warn|error");
  app.add_option("--log.format", line.log_format, "Format of the log")
      ->transform(CLI::CheckedTransformer(kFormats))
      ->option_text("logfmt|json");
}

void AddCollectors(CLI::App& app, const CollectorSchemas& collectors, CommandLine& line) {
  for (const auto& [known, schema] : collectors) {
    const std::string name(known);
    app.add_flag_callback(
        "--collector." + name, [&line, name] { line.collectors[name] = true; },
        "Run the " + name + " collector" + (schema.enabled ? " (default)" : ""));
    app.add_flag_callback(
        "--no-collector." + name, [&line, name] { line.collectors[name] = false; }, "Disable it on every server");
  }
}

Shard ReadShard(const std::string& text) {
  try {
    return ParseShard(text);
  } catch (const ConfigError& error) {
    throw CLI::ValidationError(std::string("--servers.shard=") + error.what());
  }
}

void AddServe(CLI::App& app, CommandLine& line) {
  app.add_option("--web.listen-address", line.listen_addresses,
                 "ADDRESS:PORT to listen on, repeatable [127.0.0.1:9743]")
      ->allow_extra_args(false);
  app.add_option("--web.config.file", line.web_config_file,
                 "TLS and authentication, in the format of Prometheus' exporter-toolkit");
  app.add_option("--web.telemetry-path", line.telemetry_path, "Path under which the metrics are exposed")
      ->capture_default_str();
  app.add_flag("--web.enable-lifecycle", line.enable_lifecycle, "Allow POST /-/reload");
  app.add_option_function<std::string>(
         "--servers.shard", [&line](const std::string& text) { line.shard = ReadShard(text); },
         "Monitor this part only of the servers in --config.file, 0/3 for example; the others are for exporters 1/3 "
         "and 2/3")
      ->option_text("NUMBER/COUNT");
}

void AddExplain(CLI::App& app, CommandLine& line) {
  ExplainOptions& explain = line.explain;
  app.add_option("--user", explain.user, "Role that connects")->required();
  app.add_option("--database", explain.database, "Database to connect to")->required();
  app.add_option("--address", explain.address, "Client address; without it, the client connects over a Unix socket");
  app.add_option("--encryption", explain.encryption, "How the connection is encrypted")
      ->check(CLI::IsMember({"none", "tls", "gss"}))
      ->capture_default_str();
  app.add_flag("--replication", explain.replication, "A physical replication connection");
  app.add_flag("--client-certificate", explain.client_certificate,
               "The client presents a certificate that the server trusts");
}

void AddFormat(CLI::App& app, CommandLine& line) {
  static const std::map<std::string, ReportFormat> kFormats = {
      {"text", ReportFormat::kText}, {"json", ReportFormat::kJson}, {"html", ReportFormat::kHtml}};
  app.add_option("--format", line.format, "Format of the report")
      ->transform(CLI::CheckedTransformer(kFormats))
      ->option_text("text|json|html");
}

void AddProfile(CLI::App& app, CommandLine& line) {
  app.add_option("--profile", line.profile, "Judge the controls of a guideline")
      ->check(CLI::IsMember(std::vector<std::string>(kProfiles.begin(), kProfiles.end())))
      ->option_text("cis|stig|pci|hipaa");
}

// "90d": a whole number of one unit.
std::chrono::seconds ParsePeriod(const std::string& text) {
  static constexpr std::pair<char, int> kUnits[] = {{'m', 60}, {'h', 3600}, {'d', 86'400}, {'w', 7 * 86'400}};
  constexpr std::int64_t kMost = 366 * 86'400;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  for (const auto& [unit, factor] : kUnits) {
    if (digits == 0 || digits > 6 || text.substr(digits) != std::string(1, unit)) continue;
    const std::int64_t seconds = std::stoll(text.substr(0, digits)) * factor;
    if (seconds >= factor && seconds <= kMost) return std::chrono::seconds(seconds);
  }
  throw CLI::ValidationError("--since=" + Printable(text, 100) +
                             ": expected a period such as 30m, 12h, 90d or 13w, up to 366d");
}

void AddReport(CLI::App& app, CommandLine& line) {
  ReportOptions& report = line.report;
  app.add_option("--prometheus.url", report.prometheus_url, "Prometheus' URL, for example http://localhost:9090")
      ->required();
  app.add_option("--http.config.file", report.http_config_file,
                 "TLS and authentication for it, in the format of Prometheus' HTTP clients");
  app.add_option_function<std::string>(
         "--since", [&report](const std::string& text) { report.since = ParsePeriod(text); },
         "Length of the period, which ends five minutes ago: for example 90d")
      ->required();
  app.add_option("--server", report.servers, "A server by its name, repeatable [all]")->allow_extra_args(false);
  AddFormat(app, line);
}

// The path is used in links and next to the exporter's own paths. A request never arrives with an empty, "." or ".."
// segment: the web server resolves them first.
void CheckTelemetryPath(const std::string& path) {
  const auto fail = [&](const std::string& why) {
    throw CLI::ValidationError("--web.telemetry-path=" + Printable(path, 100) + ": " + why);
  };
  if (!path.starts_with('/')) fail("a path must begin with /");
  for (const std::string_view own : kOwnPaths) {
    if (path == own) fail("this path is the exporter's own; choose another, for example /metrics");
  }
  if (path.starts_with("/-/")) fail("paths below /-/ are the exporter's own; choose another, for example /metrics");
  if (path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/") !=
      std::string::npos) {
    fail("only letters, digits and - . _ ~ / are allowed");
  }
  if (path.ends_with('/')) fail("must not end with /");
  const std::string segments = path + "/";
  for (const char* segment : {"//", "/./", "/../"}) {
    if (segments.find(segment) != std::string::npos) fail("empty segments, . and .. are not allowed");
  }
}

// The log's format as far as it can be read from a command line that has a mistake somewhere.
log::Format FormatOf(const std::vector<std::string>& arguments) {
  const std::string option = "--log.format";
  bool json = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool separate = arguments[i] == option && i + 1 < arguments.size();
    if (separate) json = arguments[i + 1] == "json";
    if (arguments[i].starts_with(option + "=")) json = arguments[i] == option + "=json";
  }
  return json ? log::Format::kJson : log::Format::kLogfmt;
}

// Names unknown options, and keeps every value out of the message: an unexpected value is often the rest of a --dsn
// that was not quoted, including its password.
std::string Unexpected(const std::vector<std::string>& arguments) {
  std::string text = "not expected:";
  for (const auto& argument : arguments) {
    text += argument.starts_with('-') ? " " + argument.substr(0, argument.find('=')) : " (a value)";
  }
  return text + "; a value with spaces needs quotes";
}

}  // namespace

ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments, const std::string& version,
                                   const CollectorSchemas& collectors) {
  ParsedCommandLine parsed;
  CommandLine line;
  CLI::App app("Prometheus exporter for the encryption of PostgreSQL connections", "pg_tls_exporter");
  app.set_version_flag("--version", version);
  app.require_subcommand(0, 1);
  AddSource(app, line);
  AddLogging(app, line);
  AddCollectors(app, collectors, line);
  AddServe(app, line);

  const auto subcommand = [&](const std::string& name, const std::string& help, Command command) -> CLI::App& {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([&line, command] { line.command = command; });
    AddLogging(*sub, line);
    return *sub;
  };
  CLI::App& config_check = subcommand("config-check", "Check a configuration file", Command::kConfigCheck);
  config_check.add_option("--config.file", line.config_file, "Configuration file (YAML)")->required();
  CLI::App& collect = subcommand("collect", "Collect everything once and print it", Command::kCollect);
  AddSource(collect, line);
  collect.add_option("--output", line.output, "File to write; it is replaced as a whole [standard output]");
  AddCollectors(collect, collectors, line);
  CLI::App& check =
      subcommand("check", "Audit the servers and print findings with evidence, reason and remedy", Command::kCheck);
  AddSource(check, line);
  AddCollectors(check, collectors, line);
  AddFormat(check, line);
  AddProfile(check, line);
  CLI::App& explain =
      subcommand("explain", "Print the rule of pg_hba.conf that decides about a connection", Command::kExplain);
  AddSource(explain, line);
  AddExplain(explain, line);
  CLI::App& report = subcommand(
      "report", "Print what Prometheus' data prove about the encryption of sessions in a period", Command::kReport);
  AddReport(report, line);
  CLI::App& metrics = subcommand("metrics", "Print the catalogue of metrics", Command::kMetrics);
  metrics.add_flag("--markdown", line.markdown, "Print a Markdown table");

  try {
    // CLI11 takes a vector from its back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    if (!line.config_file.empty() && line.dsn) {
      throw CLI::ValidationError("--config.file and --dsn exclude each other");
    }
    if (collect.count("--output") != 0 && line.output.empty())
      throw CLI::ValidationError("--output: a file is required");
    for (const std::string& server : line.report.servers) {
      if (server.empty()) throw CLI::ValidationError("--server: a name is required");
    }
    CheckTelemetryPath(line.telemetry_path);
    if (line.shard != Shard{} && line.config_file.empty()) {
      throw CLI::ValidationError("--servers.shard needs --config.file: it selects among the servers of the file");
    }
    parsed.command_line = std::move(line);
  } catch (const CLI::ExtrasError&) {
    parsed.exit_code = 2;
    parsed.error = Unexpected(app.remaining(true)) + kSeeHelp;
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    parsed.exit_code = app.exit(error, out, err) == 0 ? 0 : 2;
    parsed.out = out.str();
    if (parsed.exit_code != 0) parsed.error = OneLine(error.what()) + kSeeHelp;
  }
  parsed.log_format = FormatOf(arguments);
  return parsed;
}

void HideDsn(int argc, char** argv) {
  constexpr std::string_view kOption = "--dsn";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == kOption && i + 1 < argc) {
      std::memset(argv[i + 1], 'x', std::strlen(argv[i + 1]));
    } else if (argument.starts_with("--dsn=")) {
      std::memset(argv[i] + kOption.size() + 1, 'x', argument.size() - kOption.size() - 1);
    }
  }
}

}  // namespace pgtls::config
