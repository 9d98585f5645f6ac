// Where certificate files come from: this machine, or the server's own functions of deploy/sql/monitoring_role.sql.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exporter/files/server_place.h"
#include "exporter/sampling/collector.h"
#include "exporter/settings/pooler_settings.h"
#include "exporter/tls/inventory.h"

namespace pgtls::files {

// The settings that name files, by name; missing where the role may not see them.
using FileSettings = std::map<std::string, std::string, std::less<>>;

// A setting's value, empty where it is not there.
std::string Setting(const FileSettings& settings, std::string_view name);
// `path` itself where it is empty or absolute; else below data_directory.
std::string InDataDirectory(const FileSettings& settings, const std::string& path);
// A path of a setting; empty where it is relative to a data_directory that is not known.
std::string AbsolutePath(const FileSettings& settings, std::string_view name);

// What was asked for and where it was found. Bytes are parsed at once and not kept.
struct FilesRead {
  std::vector<tls::FileReport> files;
  // `files`: not all could be asked for.
  std::vector<sampling::IncompletePart> incomplete;
};

// The server's certificate, CA and CRL files, where the server runs on this machine. Blocks.
FilesRead ReadServerFiles(const FileSettings& settings, const ServerPlace& place);

// pg_hosts.conf on this machine; nullopt while ssl_sni is off. Blocks.
std::optional<tls::HostsFile> ReadHostsHere(const FileSettings& settings, const ServerPlace& place);
// The certificate and CA files of its entries. Blocks.
void AddHostFiles(const tls::HostsFile& hosts, const FileSettings& settings, const ServerPlace& place,
                  FilesRead& result);

// PgBouncer's files, where it runs on this machine: its own certificate, the authorities for clients and those for
// servers. Blocks.
FilesRead ReadPoolerFiles(const settings::PoolerSettings& settings, const ServerPlace& place);

// Files of the configuration, by glob patterns; one that matches nothing is reported under its own name: as missing, or
// with what a directory said. Directories, sockets, FIFOs, devices and files with nothing but keys are ignored where a
// wildcard matches them. Blocks.
FilesRead ReadConfiguredFiles(const std::vector<std::string>& patterns, const std::string& pkcs12_password_file);

// A directory of revocation lists that could not be listed: what was in it is not known, so `files` is incomplete, too.
void AddLostDirectory(const std::string& path, const std::string& problem, FilesRead& result);

// A report from bytes that were read elsewhere. `status` is empty or the problem.
tls::FileReport ReportOf(std::string role, std::string path, std::string status, const std::string& bytes,
                         const std::optional<std::string>& pkcs12_password);

}  // namespace pgtls::files
