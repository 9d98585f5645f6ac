// How a server meets the controls of a profile.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/audit/check.h"
#include "exporter/report/profile.h"
#include "exporter/sampling/result.h"

namespace pgtls::report {

// kNotLookedAt is never a pass: the evidence is missing, or not all of it can be collected.
enum class Verdict { kFail, kNotLookedAt, kPass, kNotApplicable };
std::string_view ToString(Verdict verdict);

struct Judged {
  const Control* control;
  Verdict verdict;
  std::vector<std::string> evidence;  // printable lines
};

// Pure. `findings` are those of the server, ProfileFindings included.
Judged Judge(const Control& control, const audit::KnownFacts& facts, const audit::Findings& findings);

struct Assessment {
  std::string server;
  std::string product;  // empty while the server is not up
  std::vector<Judged> controls;
};

struct ProfileReport {
  const Profile* profile;
  std::vector<Assessment> servers;
};

// `reports`: audit::Check() of these servers at this time. Pure.
ProfileReport Assess(const Profile& profile, const sampling::Snapshots& servers,
                     const std::vector<audit::ServerReport>& reports, std::chrono::sys_seconds now);

// 2 where a control fails; else 3 where one was not looked at; else 0.
int ExitCode(const ProfileReport& report);

}  // namespace pgtls::report
