// Whether the server verifies clients with ssl_ca_file and ssl_crl_file as they are on disk. It reads them at its start
// and at each reload, after pg_conf_load_time(); a reload that refuses one TLS file keeps all that were loaded before.
// (Of ssl_crl_dir each connection reads what it needs.)
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exporter/files/server_place.h"
#include "exporter/files/start_answers.h"
#include "exporter/files/start_rows.h"
#include "exporter/tls/next_start.h"

namespace pgtls::files {

// A time since which neither a file nor what its path leads to has changed, by role (server, key, ca, crl), in seconds
// since the epoch; without files of which this is not known.
struct FileChanges {
  std::map<std::string, double, std::less<>> by_role;
  bool outdated = false;  // an older deploy/sql/monitoring_role.sql reports no times
};

// On this machine. Read the contents first: a change in between then counts as one that is not loaded. Blocks.
FileChanges ChangesHere(const FileSettings& settings, const ServerPlace& place);
// Over SQL, from the same rows as the contents.
FileChanges ChangesOf(const StartAnswers& answers, const std::vector<ServerFileRow>& rows,
                      const std::optional<ServerFileRow>& key);

// Empty if the files are loaded. Otherwise why this is not known: reload_refused (a reload would be), pending_reload,
// pending_restart (no reload loads the key), reloaded (this session cannot tell), outdated. `serves_another`: the
// served certificate is not the one in ssl_cert_file. Pure.
std::string WhyNotLoaded(const StartAnswers& answers, const tls::NextStart& verdict, bool serves_another,
                         const FileChanges& changes);

}  // namespace pgtls::files
