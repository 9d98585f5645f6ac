// What a server reports about its next start: the settings that it will have, and whether it will load pg_hba.conf.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "exporter/base/deadline.h"
#include "exporter/db/session.h"
#include "exporter/files/certificate_files.h"
#include "exporter/files/server_place.h"
#include "exporter/tls/next_start.h"

namespace pgtls::files {

// What this role may call. The functions are those of deploy/sql/monitoring_role.sql; they are trusted only if a
// superuser owns them.
struct StartAccess {
  bool certificate_files = false;
  bool whole = false;    // certificate_files() reports whether it returned a file's whole content
  bool changed = false;  // it and private_key_file() report when a file last changed
  bool private_key = false;
  bool hosts_lines = false;
  bool file_settings = false;
  bool file_settings_view = false;
  bool hba_rules = false;
  bool hba_view = false;
  bool subscription_certificates = false;  // subscriptions() reports sslcert
};

// When the server last loaded its configuration, and its TLS files unless it refused them; seconds since the epoch.
struct LoadTime {
  double not_before = 0;  // pg_conf_load_time() or, if this session has seen a later load, the session's start
  bool exact = false;     // the former
};

struct StartAnswers {
  StartAccess access;
  FileSettings current;  // as this session has them
  FileSettings next;     // as the next start will have them, as far as the role may see the configuration files
  bool sees_configuration_files = false;
  std::optional<bool> passphrase_command;   // whether one will be set; absent: not known
  bool passphrase_at_reload = false;        // ssl_passphrase_command_supports_reload
  std::vector<tls::StartFailure> failures;  // of the configuration files and pg_hba.conf
  std::vector<tls::StartUnknown> unknown;   // the same
  double start_time = 0;                    // of the server
  LoadTime last_load;
  bool behind_pooler = false;  // over a Unix socket that is not the server's own
};

// Throws DbError and TimeoutError.
asio::awaitable<StartAnswers> AskStart(db::Session& session, Deadline deadline);

// Reads a boolean as PostgreSQL does; false if it is none.
bool IsOn(const FileSettings& settings, std::string_view name);

}  // namespace pgtls::files
