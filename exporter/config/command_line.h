// The command line, as METRICS documents it.
#pragma once

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/log.h"
#include "exporter/config/collector_schema.h"
#include "exporter/config/shard.h"

namespace pgtls::config {

enum class Command { kServe, kConfigCheck, kCollect, kCheck, kExplain, kReport, kMetrics };

enum class ReportFormat { kText, kJson, kHtml };

// The guidelines that `check` knows.
inline constexpr std::array<std::string_view, 4> kProfiles = {"cis", "stig", "pci", "hipaa"};

// The connection that `explain` asks about.
struct ExplainOptions {
  std::string user;
  std::string database;
  std::string address;  // empty: a Unix socket
  std::string encryption = "none";
  bool replication = false;
  bool client_certificate = false;
};

// The period and the Prometheus that `report` is about.
struct ReportOptions {
  std::string prometheus_url;
  std::string http_config_file;
  std::chrono::seconds since{0};     // before now
  std::vector<std::string> servers;  // empty: all
};

struct CommandLine {
  Command command = Command::kServe;
  std::string config_file;
  std::optional<std::string> dsn;
  std::vector<std::string> listen_addresses;  // empty: the default
  std::string web_config_file;
  std::string telemetry_path = "/metrics";
  bool enable_lifecycle = false;
  Shard shard;                             // of the configuration file's servers
  std::map<std::string, bool> collectors;  // --collector.NAME, --no-collector.NAME
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kLogfmt;
  std::string output;                         // collect --output; empty: standard output
  ReportFormat format = ReportFormat::kText;  // of check and report
  std::string profile;                        // of check; empty: none
  bool markdown = false;                      // metrics --markdown
  ExplainOptions explain;
  ReportOptions report;
};

// Paths that the exporter itself serves, besides those below "/-/". The telemetry path is none of them.
inline constexpr std::array<std::string_view, 4> kOwnPaths = {"/", "/-", "/probe", "/sd"};

// Either a command line, or what to print and the code to exit with (--help, --version: 0; a mistake: 2).
struct ParsedCommandLine {
  std::optional<CommandLine> command_line;
  int exit_code = 0;
  std::string out;
  std::string error;                              // one line, without its newline
  log::Format log_format = log::Format::kLogfmt;  // as far as a mistake lets it be read
};

// `collectors` are those that can be switched.
ParsedCommandLine ParseCommandLine(const std::vector<std::string>& arguments, const std::string& version,
                                   const CollectorSchemas& collectors);

// Overwrites what follows --dsn in the process's own argument list: a password there is visible to everyone who may
// list processes.
void HideDsn(int argc, char** argv);

}  // namespace pgtls::config
