// `check`: all that there is to find about servers.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "exporter/audit/finding.h"
#include "exporter/sampling/result.h"

namespace pgtls::audit {

struct ServerReport {
  std::string server;
  std::string product;         // "PostgreSQL 15.20 (Debian …)"; empty while the server is not up
  std::string server_version;  // empty where the settings could not be seen
  bool up = false;             // SQL answered
  Findings findings;           // by severity
};

// From one collection of everything. Pure.
std::vector<ServerReport> Check(const sampling::Snapshots& servers, std::chrono::sys_seconds now);

// 2 with a critical finding; else 3 where a server could not be looked at; else 1 with a warning; else 3 where some
// part could not be looked at; else 0.
int ExitCode(const std::vector<ServerReport>& reports);

}  // namespace pgtls::audit
