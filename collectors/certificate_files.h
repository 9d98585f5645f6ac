// Where certificate files come from: this machine, or the server's own functions of deploy/sql/monitoring_role.sql.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exporter/tls/inventory.h"

namespace pgtls::collectors {

// The settings that name files, by name; missing where the role may not see them.
using FileSettings = std::map<std::string, std::string, std::less<>>;

// What was asked for and where it was found. Bytes are parsed at once and not kept.
struct FilesRead {
  std::vector<tls::FileReport> files;
  std::optional<tls::KeyReport> key;
  bool unknown_directory = false;  // a relative path, and data_directory is not known
};

// The server's certificate, CA and CRL files and its key, where the server runs on this machine. Blocks.
FilesRead ReadServerFiles(const FileSettings& settings);

// Files of the configuration, by glob patterns; one that matches nothing is reported as missing under its own name.
// Blocks.
std::vector<tls::FileReport> ReadConfiguredFiles(const std::vector<std::string>& patterns,
                                                 const std::string& pkcs12_password_file);

// A report from bytes that were read elsewhere. `status` is empty or the problem.
tls::FileReport ReportOf(std::string role, std::string path, std::string status, const std::string& bytes,
                         const std::optional<std::string>& pkcs12_password);

}  // namespace pgtls::collectors
