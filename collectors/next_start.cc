#include "collectors/next_start.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "exporter/base/error.h"

namespace pgtls::collectors {
namespace {

struct RoleSetting {
  std::string_view role;
  std::string_view setting;
};
constexpr std::array kRoles = {RoleSetting{"server", "ssl_cert_file"}, RoleSetting{"ca", "ssl_ca_file"},
                               RoleSetting{"crl", "ssl_crl_file"}};

// What PostgreSQL says of a file is what is reported of it.
void Agree(const files::StartAnswers& answers, const files::StartJudgement& judgement,
           tls::CertificateInventory& inventory) {
  for (tls::FileReport& file : inventory.files) {
    const auto role = std::ranges::find(kRoles, file.role, &RoleSetting::role);
    if (role == kRoles.end()) continue;
    if (file.path != files::AbsolutePath(answers.next, role->setting))
      continue;  // a list of ssl_crl_dir; a change that waits
    const auto may_read = judgement.server_may_read.find(file.role);
    if (may_read != judgement.server_may_read.end()) file.server_may_read = may_read->second;
    const std::string problem = judgement.verdict.ProblemOf(file.role);
    if (problem == "missing" || problem == "permission_denied" || problem == "malformed") file.problem = problem;
    if (problem == "no_certificate" && file.problem.empty()) file.problem = problem;
    const bool undecided = std::ranges::find(judgement.verdict.unknown, file.role, &tls::StartUnknown::role) !=
                           judgement.verdict.unknown.end();
    if (problem.empty() && !undecided && (file.problem == "malformed" || file.problem == "no_certificate")) {
      file.problem.clear();
    }
  }
}

// The entries of pg_hosts.conf take the place of these files, and there is no view of them.
void LeaveToHosts(tls::NextStart& verdict) {
  std::erase_if(verdict.failures, [](const tls::StartFailure& failure) {
    return failure.role == "server" || failure.role == "key" || failure.role == "ca";
  });
  verdict.unknown.push_back({"ssl_sni", "sni"});
}

// Also beside a failure: what was known to fail and is out of sight is not repaired.
void ReportUnknown(const files::StartAnswers& answers, const tls::NextStart& verdict, sampling::Output& output) {
  for (const auto& [role, reason] : verdict.unknown) {
    const bool setting = role.starts_with("ssl_");
    sampling::IncompletePart part = {"next_start_" + (setting ? "settings" : role), reason, setting ? role : ""};
    output.incomplete.push_back(std::move(part));
  }
  // Decided by what is in force, while a change may wait in a file.
  if (!answers.sees_configuration_files && verdict.ok() == true) {
    output.incomplete.push_back({"next_start_settings", std::string(ToString(FailureReason::kInsufficientPrivilege))});
  }
}

}  // namespace

void Conclude(const files::StartAnswers& answers, files::StartJudgement judgement, sampling::Output& output,
              tls::CertificateInventory& inventory) {
  tls::NextStart& verdict = judgement.verdict;
  if (!files::IsOn(answers.next, "ssl")) {
    // Nothing of TLS is loaded, and no file has to be there.
    verdict = {};
    judgement.key.reset();
    if (!files::IsOn(answers.current, "ssl")) {
      std::erase_if(inventory.files,
                    [](const tls::FileReport& file) { return IsOfSettings(file) && !file.problem.empty(); });
    }
  } else {
    if (files::IsOn(answers.next, "ssl_sni") && !judgement.no_hosts) LeaveToHosts(verdict);
    Agree(answers, judgement, inventory);
    for (const auto& [role, reason] : verdict.unknown) {
      if (role == "key" && reason != "sql" && reason != "setting_not_visible")
        output.incomplete.push_back({"private_key", reason});
    }
  }
  std::ranges::copy(answers.failures, std::back_inserter(verdict.failures));
  std::ranges::copy(answers.unknown, std::back_inserter(verdict.unknown));
  ReportUnknown(answers, verdict, output);
  inventory.key = std::move(judgement.key);
  inventory.next_start = std::move(verdict);
  inventory.passphrase_at_reload = answers.passphrase_at_reload;
}

}  // namespace pgtls::collectors
