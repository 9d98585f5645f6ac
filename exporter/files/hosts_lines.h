// The text of pg_hosts.conf and of the files that it includes, line by line: from this machine, or in the form in which
// tls_exporter.hosts_lines() of deploy/sql/monitoring_role.sql returns it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/hba/token.h"

namespace pgtls::files {

// A logical line: continuation lines are joined.
struct HostsLine {
  std::string file;
  int number = 0;            // of its first physical line; 0 with `problem`
  std::string text;          // without the end of the line
  bool list = false;         // of a file that "@file" includes: tokens alone
  std::string problem = {};  // of the whole file, then there is no text: missing, permission_denied, unreadable,
                             // too_large, included_twice, other_file_system
};

inline constexpr std::size_t kMaxHostsFileBytes = 1 << 20;
inline constexpr std::size_t kMostHostsFiles = 100;
inline constexpr std::size_t kMostHostsLines = 10'000;

// The logical lines of one file's content, as PostgreSQL puts them together (tokenize_auth_file in
// src/backend/libpq/hba.c).
std::vector<HostsLine> SplitHostsLines(const std::string& file, std::string_view content, bool list);

// All lines of the file and of those that it includes. A file that is missing has none, as in PostgreSQL. `holds`
// returns whether a path of this machine is the server's; if not, the problem is other_file_system. Blocks.
std::vector<HostsLine> ReadHostsLines(const std::string& path, const std::function<bool(const std::string&)>& holds);

// Whether it is "include FILE", "include_if_exists FILE" or "include_dir DIRECTORY".
bool IsHostsDirective(const std::vector<hba::Field>& fields);
// The file that `name` in `file` means.
std::string HostsPath(std::string_view file, std::string_view name);

}  // namespace pgtls::files
