// The settings of a server, as a fact: what a fresh session saw of them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::db {

struct ServerSettings {
  std::string server_version;  // as the server writes it: "15.20 (Debian …)"
  int version_number = 0;      // as PQserverVersion
  // Of encryption, authentication and the files and addresses behind them, and nothing secret. What the role may not
  // see is missing, and so is what this session has of its own (ALTER ROLE … SET).
  std::map<std::string, std::string, std::less<>> values;
  bool complete = false;                     // the role sees all settings
  std::vector<std::string> pending_restart;  // names
  // Names whose value in the files is another than the one in force. Absent: the role may not see the files.
  std::optional<std::vector<std::string>> pending_reload;
  struct FileError {
    std::string file;
    int line = 0;
    std::string name;
    std::string error;
  };
  std::optional<std::vector<FileError>> file_errors;
  double load_time = 0;  // seconds since the epoch, by the server's clock
  // The link to the upstream server; absent where it is no standby, or is not connected.
  struct WalReceiver {
    std::string sender_host;
    std::string sender_port;
    std::string sslmode;
  };
  std::optional<WalReceiver> wal_receiver;

  std::optional<std::string> Get(std::string_view name) const {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  }
};

}  // namespace pgtls::db
