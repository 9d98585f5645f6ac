// What `check` prints: for people in a minute, for programs, and as a document.
#pragma once

#include <string>
#include <vector>

#include "exporter/audit/check.h"
#include "exporter/report/verdict.h"

namespace pgtls::report {

// For people.
std::string TextReport(const std::vector<audit::ServerReport>& reports);
std::string TextReport(const ProfileReport& report);
// For programs: stable, as exporter/audit/check.schema.json says. `profile`: of the same servers in the same order, or
// null.
std::string JsonReport(const std::vector<audit::ServerReport>& reports, const ProfileReport* profile = nullptr);
// A page that needs no other file and no script, to read, print and hand in. `profile`: as above.
std::string HtmlReport(const std::vector<audit::ServerReport>& reports, const ProfileReport* profile,
                       std::chrono::sys_seconds now);

}  // namespace pgtls::report
