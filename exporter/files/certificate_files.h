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

// The settings that name files, by name, without those that the role may not see.
using FileSettings = std::map<std::string, std::string, std::less<>>;

// Returns a setting's value; empty if it is missing.
std::string Setting(const FileSettings& settings, std::string_view name);
// Returns `path` if it is empty or absolute, otherwise the path below data_directory.
std::string InDataDirectory(const FileSettings& settings, const std::string& path);
// Returns the path in a setting; empty if it is relative and data_directory is not known.
std::string AbsolutePath(const FileSettings& settings, std::string_view name);

// The files that were read, and what could not be read. Bytes are parsed at once and not kept.
struct FilesRead {
  std::vector<tls::FileReport> files;
  // Of the part `files`: not all could be read.
  std::vector<sampling::IncompletePart> incomplete;
};

// Reads the server's certificate, CA and CRL files. REQUIRES: the server runs on this machine. Blocks.
FilesRead ReadServerFiles(const FileSettings& settings, const ServerPlace& place);

// pg_hosts.conf on this machine; nullopt while ssl_sni is off. Blocks.
std::optional<tls::HostsFile> ReadHostsHere(const FileSettings& settings, const ServerPlace& place);
// The certificate and CA files of its entries. Blocks.
void AddHostFiles(const tls::HostsFile& hosts, const FileSettings& settings, const ServerPlace& place,
                  FilesRead& result);

// PgBouncer's files: its own certificate, the authorities for clients and those for servers. REQUIRES: it runs on this
// machine. Blocks.
FilesRead ReadPoolerFiles(const settings::PoolerSettings& settings, const ServerPlace& place);

struct MatchedFiles {
  // To: named as it is, so that it must be a certificate file.
  std::map<std::string, bool> paths;
  struct Lost {
    std::string pattern;
    std::string problem;
    bool matched;  // it matched other files
  };
  std::vector<Lost> lost;  // directories that could not be listed
};
// The files that glob patterns match; one that matches nothing, by its own name. Directories, sockets, FIFOs and
// devices are left out if a wildcard matches them. Blocks.
MatchedFiles FilesMatching(const std::vector<std::string>& patterns);

// Files of the configuration, by glob patterns; one that matches nothing is reported under its own name, as missing or
// with the error of its directory. Directories, sockets, FIFOs, devices and files that hold only keys are ignored if a
// wildcard matches them. Blocks.
FilesRead ReadConfiguredFiles(const std::vector<std::string>& patterns, const std::string& pkcs12_password_file);

// Reports a directory of revocation lists that could not be listed; `files` is then incomplete, because its lists are
// not known.
void AddLostDirectory(const std::string& path, const std::string& problem, FilesRead& result);

// A report from bytes that were read elsewhere. `status` is empty or the problem.
tls::FileReport ReportOf(std::string role, std::string path, std::string status, const std::string& bytes,
                         const std::optional<std::string>& pkcs12_password);
// A report of a file on this machine. Blocks.
tls::FileReport ReportOn(std::string role, std::string path,
                         const std::optional<std::string>& pkcs12_password = std::nullopt);

}  // namespace pgtls::files
