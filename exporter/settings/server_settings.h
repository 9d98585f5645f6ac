// The settings of a server, as a fresh session saw them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::settings {

struct ServerSettings {
  std::string server_version;  // as the server writes it: "15.20 (Debian …)"
  int version_number = 0;      // as PQserverVersion
  // Settings of encryption and authentication, and of the files and addresses that they use; none is secret. Missing
  // are settings that the role may not see, and those that are set for this session (ALTER ROLE … SET).
  std::map<std::string, std::string, std::less<>> values;
  bool complete = false;                     // whether the role sees all settings
  std::vector<std::string> pending_restart;  // names
  // Names of settings whose value in the files differs from the one in force. Absent: the role may not see the files.
  std::optional<std::vector<std::string>> pending_reload;
  struct FileError {
    std::string file;
    int line = 0;
    std::string name;
    std::string error;
  };
  std::optional<std::vector<FileError>> file_errors;
  double load_time = 0;  // seconds since the epoch, by the server's clock
  // The connection to the upstream server; absent if the server is not a standby or is not connected.
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

}  // namespace pgtls::settings
