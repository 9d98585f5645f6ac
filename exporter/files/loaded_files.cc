#include "exporter/files/loaded_files.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "exporter/files/path_times.h"

namespace pgtls::files {
namespace {

using Role = std::pair<std::string_view, std::string_view>;  // its setting
constexpr std::array kVerifying = {Role{"ca", "ssl_ca_file"}, Role{"crl", "ssl_crl_file"}};
constexpr std::array kLoaded = {kVerifying[0], kVerifying[1], Role{"server", "ssl_cert_file"},
                                Role{"key", "ssl_key_file"}};

// A start reads the TLS files before it allocates its shared memory; pg_postmaster_start_time() is taken after that.
constexpr double kLongestStart = 60;
// A session that a reload finds at its start may have begun a moment after that reload.
constexpr double kSessionStart = 1;

bool IsRefused(const tls::NextStart& verdict) {
  return std::ranges::any_of(verdict.failures, [](const tls::StartFailure& failure) {
    return failure.role != "hba" && (failure.role != "setting" || failure.path.starts_with("ssl_"));
  });
}

// A reload does not ask for the passphrase of a key unless a setting allows it.
bool OnlyAStartLoads(const StartAnswers& answers, const tls::NextStart& verdict) {
  return !answers.passphrase_at_reload &&
         std::ranges::any_of(verdict.unknown, [&answers](const tls::StartUnknown& unknown) {
           return unknown.role == "key" && (unknown.reason == "passphrase" || answers.passphrase_command == true);
         });
}

// Not after the start read the TLS files. Without a reload since, that was when it read its configuration.
double StartOf(const StartAnswers& answers) {
  const LoadTime& load = answers.last_load;
  const bool reloaded = !load.exact || load.not_before > answers.start_time;
  return reloaded ? answers.start_time - kLongestStart : load.not_before;
}

template <typename Roles>
bool AllUnchangedAt(double time, const Roles& roles, const FileChanges& changes) {
  return std::ranges::all_of(roles, [&](const Role& role) {
    const auto change = changes.by_role.find(role.first);
    return change == changes.by_role.end() || change->second <= time;
  });
}

}  // namespace

FileChanges ChangesHere(const FileSettings& settings, const ServerPlace& place) {
  FileChanges changes;
  for (const auto& [role, setting] : kLoaded) {
    const std::string path = AbsolutePath(settings, setting);
    if (Setting(settings, setting).empty() || path.empty() || !place.Holds(path)) continue;
    if (const auto since = UnchangedSince(path)) changes.by_role.emplace(role, *since);
  }
  return changes;
}

FileChanges ChangesOf(const StartAnswers& answers, const std::vector<ServerFileRow>& rows,
                      const std::optional<ServerFileRow>& key) {
  FileChanges changes{.by_role = {}, .outdated = !answers.access.changed};
  for (const auto& [role, setting] : kLoaded) {
    const std::string path = AbsolutePath(answers.current, setting);
    const auto row = std::ranges::find_if(
        rows, [&](const ServerFileRow& one) { return one.role == role && one.path == path && one.changed; });
    if (row != rows.end()) changes.by_role.emplace(role, *row->changed + kWholeSecond);
  }
  if (key && key->changed) changes.by_role.emplace("key", *key->changed + kWholeSecond);
  return changes;
}

std::string WhyNotLoaded(const StartAnswers& answers, const tls::NextStart& verdict, bool serves_another,
                         const FileChanges& changes) {
  if (IsRefused(verdict)) return "reload_refused";
  const bool all_known = std::ranges::all_of(kVerifying, [&](const Role& role) {
    return Setting(answers.current, role.second).empty() || changes.by_role.contains(role.first);
  });
  if (!all_known) return changes.outdated ? "outdated" : "pending_reload";
  if (AllUnchangedAt(StartOf(answers), kVerifying, changes)) return "";
  if (OnlyAStartLoads(answers, verdict)) return "pending_restart";
  const LoadTime& load = answers.last_load;
  const double loaded = load.exact ? load.not_before : load.not_before - kSessionStart;
  if (!serves_another && AllUnchangedAt(loaded, kLoaded, changes)) return "";
  return load.exact ? "pending_reload" : "reloaded";
}

}  // namespace pgtls::files
