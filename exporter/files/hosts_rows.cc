#include "exporter/files/hosts_rows.h"

#include <array>
#include <string>
#include <vector>

#include "exporter/postgres/versioned_sql.h"

namespace pgtls::files {
namespace {

constexpr std::array kHostsSql = {postgres::VersionedSql{
    kFirstVersionWithHosts, "SELECT path, line_number, line, list, problem FROM tls_exporter.hosts_lines()"}};

}  // namespace

db::Statement HostsStatement(int server_version) {
  return postgres::StatementFor("hosts_lines", kHostsSql, server_version);
}

tls::HostsFile ReadHosts(const db::Result& rows) {
  std::vector<HostsLine> lines;
  for (int row = 0; row < rows.rows(); ++row) {
    lines.push_back({.file = std::string(rows.RequireText(row, rows.Column("path"))),
                     .number = static_cast<int>(rows.Int(row, rows.Column("line_number")).value_or(0)),
                     .text = rows.Bytes(row, rows.Column("line")).value_or(""),
                     .list = rows.RequireBool(row, rows.Column("list")),
                     .problem = std::string(rows.Text(row, rows.Column("problem")).value_or(""))});
  }
  return ParseHosts(lines);
}

}  // namespace pgtls::files
